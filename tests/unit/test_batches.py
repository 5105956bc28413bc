"""Batches in the store: written down with their reservations, found again, ended once."""

from decimal import Decimal

import pytest

from lib.core.chat import Usage
from lib.core.errors import JobOverBudget, OverBudget
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.batches import Batch, Batches
from lib.store.database import Database
from lib.store.job_rows import Answered, JobRows
from lib.store.jobs import Jobs, State
from lib.store.ledger import Ledger, Month
from lib.work.tally import FREE
from tests.unit.builders import CENT, GEMINI, Clock, paid

ASKS = [((n,), CENT) for n in range(5)]


class Store:
    """Jobs, ledger and batches over one database; `job` is a batch job of five rows."""

    def __init__(
        self, database: Database, budget: Decimal | None = None, month: Decimal | None = None
    ) -> None:
        self.jobs, self.ledger = Jobs(database), Ledger(database, month)
        self.clock = Clock()
        self.batches = Batches(database, self.ledger, self.clock)
        asked = parse({"labels": ["a", "b"], "batch": True, "budget_usd": budget and str(budget)})
        self.jobs.add("job", "rows.csv", "upload", asked, GEMINI, 5, {})

    def begin(self, chunk: int = 0) -> Batch:
        return self.batches.begin("job", chunk, GEMINI, ASKS)

    @property
    def open(self) -> list[str]:
        return [batch.id for batch in self.batches.open("job", 0)]


def test_a_batch_is_written_down_with_its_calls(database: Database) -> None:
    """One row in the ledger for each request, reserved for the job and for the month."""
    store = Store(database)
    batch = store.begin()

    assert store.batches.open("job", 0) == [batch]
    assert [store.batches.open("job", 1), batch.state, batch.name] == [[], "sending", None]
    assert list(batch.calls.values()) == [(n,) for n in range(5)]
    assert batch.rows == frozenset(range(5))
    assert {row["id"] for row in store.ledger.rows()} == set(batch.calls)
    assert {(row["job"], row["source"]) for row in store.ledger.rows()} == {("job", "job")}
    job = store.jobs.get("job")
    assert (job.calls, job.reserved_usd) == (5, 5 * CENT)
    assert store.ledger.month().reserved_usd == 5 * CENT


def test_a_job_tells_what_waits(database: Database) -> None:
    """Rows and batches that have not ended, and the oldest one's time."""
    store = Store(database)
    first = store.begin()
    store.clock.time += 60
    second = store.begin(1)
    waiting = store.jobs.get("job").waiting

    assert (waiting.rows, waiting.batches) == (10, 2)
    assert waiting.since == "2023-11-14T22:13:20.000+00:00"
    store.batches.end(first, "collected", {}, ())
    assert store.jobs.all()[0].waiting.since == "2023-11-14T22:14:20.000+00:00"
    store.batches.end(second, "expired", {}, ())
    assert store.jobs.get("job").waiting.batches == 0


@pytest.mark.parametrize("bound", ["budget", "month"])
def test_a_batch_holds_what_can_be_paid_for(database: Database, bound: str) -> None:
    """The first requests that fit into the budget; one that is used up holds none."""
    store = Store(database, **{bound: Decimal("0.039")})
    batch = store.begin()

    assert list(batch.calls.values()) == [(0,), (1,), (2,)]
    assert store.jobs.get("job").calls == 3
    with pytest.raises(JobOverBudget if bound == "budget" else OverBudget):
        store.begin()
    assert store.open == [batch.id]
    assert len(store.ledger.rows()) == 3


def test_what_a_batch_cost_less_is_there_for_others(database: Database) -> None:
    store = Store(database, budget=Decimal("0.05"))
    for call in store.begin().calls:
        store.ledger.close(call, paid(Decimal("0.001"), usage=Usage(1, 1, 0, 0)))

    assert len(store.begin().calls) == 4
    assert store.jobs.get("job").spent_usd == Decimal("0.005")


def test_a_batch_is_sent_once_and_ends_once(database: Database) -> None:
    """Whoever comes second learns that somebody else was first."""
    store = Store(database)
    batch = store.begin()
    store.clock.time += 5

    assert store.batches.try_now(batch.id)
    assert store.batches.open("job", 0)[0].tried == store.clock.time
    assert store.batches.sent(batch.id, "batches/1")
    assert store.batches.sent(batch.id, "batches/1"), "two learned it, each in its own way"
    assert not store.batches.sent(batch.id, "batches/2")
    assert not store.batches.try_now(batch.id)
    (kept,) = store.batches.open("job", 0)
    assert (kept.state, kept.name, kept.created) == ("waiting", "batches/1", batch.created)
    store.clock.time += 7
    assert store.batches.age_s(kept) == 7
    assert store.batches.end(batch, "collected", {}, ())
    assert not store.batches.end(batch, "cancelled", {}, ())
    assert not store.batches.any_open()


def test_a_batch_ends_with_its_calls_and_rows(database: Database) -> None:
    """All at once; who comes second changes nothing of it."""
    store, rows = Store(database), JobRows(database)
    rows.add("job", [(f"text {n}", None) for n in range(5)], 5)
    batch = store.begin()
    row, *_ = rows.all("job", 0)
    answered = Answered(row, RowResult("a", None, None, GEMINI, FREE, CENT / 5), "key")
    *cheap, last = batch.calls
    calls = {call: paid(CENT / 5) for call in cheap} | {last: paid(None)}

    assert store.batches.end(batch, "collected", calls, [answered])
    late = {call: paid(CENT) for call in batch.calls}
    assert not store.batches.end(batch, "cancelled", late, [answered])
    job = store.jobs.get("job")
    assert (job.rows_done, job.cost_usd) == (1, CENT / 5)
    assert (job.spent_usd, job.reserved_usd) == (4 * CENT / 5, CENT)
    assert store.ledger.month() == Month(4 * CENT / 5, CENT)
    assert [call["cost_usd"] for call in store.ledger.rows()] == [CENT / 5] * 4 + [None]


@pytest.mark.parametrize(
    ("state", "awaited"),
    [("running", True), ("paused", False), ("failed", False), ("cancelled", False)],
)
def test_who_waits_for_a_batch(database: Database, state: State, awaited: bool) -> None:
    """A job that goes on; nothing becomes cheaper while one stands still."""
    store = Store(database)
    assert not store.batches.any_awaited()
    store.begin()
    assert store.batches.any_awaited(), "its job is queued"
    store.jobs.begin("job", 1)
    store.jobs.move("job", ("running",), state)

    assert store.batches.any_awaited() == store.batches.any_awaited("job") == awaited
    assert not store.batches.any_awaited("another")
    assert store.batches.any_open()


def test_batches_of_cancelled_and_deleted_jobs_are_stray(database: Database) -> None:
    """They are kept until they have ended, and forgotten then."""
    store = Store(database)
    batch = store.begin()
    assert store.batches.stray() == []

    store.jobs.move("job", ("queued",), "cancelled")
    assert [one.id for one in store.batches.stray()] == [batch.id]
    store.jobs.delete("job")
    store.batches.forget()
    assert [one.id for one in store.batches.stray()] == [batch.id]
    store.batches.end(batch, "cancelled", {}, ())
    store.batches.forget()

    assert store.batches.stray() == store.batches.open("job", 0) == []
