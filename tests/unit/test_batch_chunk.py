"""A chunk through a Batch API: sent once, waited for however long, taken in whole."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from lib.core.batch import BatchAnswer
from lib.core.chat import Finish, Media, Usage
from lib.core.errors import (
    AppError,
    ModelMissing,
    NotConfigured,
    OverBudget,
    StorageFailed,
    Unreachable,
)
from lib.store.batches import Batch
from lib.work import batch_send
from lib.work.app import App
from lib.work.batch_calls import Ending, give_up
from tests.fakes import FakeServer
from tests.unit.batch_chunks import Chunk, quick
from tests.unit.builders import CENT, GEMINI, PICTURE, running, wait_until
from tests.unit.crews import fresh

HOUR_S = 3600


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def app(fake: FakeServer, tmp_path: Path) -> Iterator[App]:
    """One that does not wait long for any call."""
    with running(fake, tmp_path, model_timeout_s=1) as app:
        yield app


def texts(count: int, directive: str = "") -> list[str]:
    """New texts, all of them good; the directive is in the first one."""
    return [fresh(f"good {directive if n == 0 else ''}") for n in range(count)]


def known(app: App, chunk: Chunk) -> tuple[Decimal, Decimal]:
    """What the rows of a job cost, and what its calls cost."""
    calls = [row["cost_usd"] or 0 for row in app.ledger.rows() if row["job"] == chunk.id]
    assert chunk.job.cost_usd is not None
    return chunk.job.cost_usd, Decimal(sum(calls))


def late(app: App, fake: FakeServer, chunk: Chunk) -> tuple[Batch, str]:
    """The chunk's batch and its name, when Google has it and nobody was told yet."""
    made = len(fake.batches.made)
    threading.Thread(target=chunk.ask, daemon=True).start()
    assert wait_until(lambda: len(fake.batches.made) > made)
    (batch,) = app.batches.open(chunk.id, 0)
    assert (batch.state, batch.name) == ("sending", None)
    return batch, fake.batches.names[-1]


def test_somebody_else_may_find_it_while_it_is_sent(app: App, fake: FakeServer) -> None:
    """Another machine's list was quicker than the answer: it is the same batch, and goes on."""
    chunk = Chunk(app, *texts(3, "#batch=late #takes=1"))
    batch, name = late(app, fake, chunk)
    assert app.batches.sent(batch.id, name)

    assert wait_until(lambda: chunk.job.rows_done == 3)
    assert batch.id not in fake.batches.cancelled
    assert fake.batches.made.count(batch.id) == 1


def test_what_was_called_off_while_it_was_sent_is_cancelled(app: App, fake: FakeServer) -> None:
    """Nobody would ever look at it: its end is written down already."""
    chunk = Chunk(app, *texts(3, "#batch=late #takes=60"))
    batch, _ = late(app, fake, chunk)
    app.batches.end(batch, "cancelled", {}, ())

    assert wait_until(lambda: batch.id in fake.batches.cancelled)
    chunk.crew.stop()


@pytest.mark.parametrize("there", [True, False])
def test_what_was_written_down_is_sent_once(app: App, fake: FakeServer, there: bool) -> None:
    """A kill just after Google took it, whose name was not kept, or before it was sent at all."""
    chunk = Chunk(app, *texts(2))
    batch = app.batches.begin(chunk.id, 0, GEMINI, [((n,), CENT) for n in range(2)])
    if there and app.gemini_batch:
        asks = zip(batch.calls, chunk.rows.values(), strict=True)
        requests = {call: chunk.crew.asker.request([row]) for call, row in asks}
        app.gemini_batch.submit(GEMINI.partition("/")[2], requests, batch.id)

    assert chunk.ask()
    assert fake.batches.made.count(batch.id) == 1
    assert (chunk.labels, chunk.job.calls) == (["good"] * 2, 2)


def test_the_wait_counts_from_the_sending(app: App, fake: FakeServer) -> None:
    """Written down a day before there was room for it: it has its own day, and its own time."""
    chunk = Chunk(app, *texts(3, "#takes=0.3"))
    asks = [((n,), Decimal("0.001")) for n in range(3)]
    batch = app.batches.begin(chunk.id, 0, GEMINI, asks)
    day_before = "2020-01-01T00:00:00.000+00:00"
    with app.database.write() as connection:
        connection.execute(sa.text("UPDATE batches SET created = :at"), {"at": day_before})

    assert chunk.ask()
    assert batch.id not in fake.batches.cancelled
    assert all(row["total_ms"] < HOUR_S * 1000 for row in app.ledger.rows())
    results = list(app.job_rows.results(chunk.id, 3))
    assert all((one.latency_ms or 0) < HOUR_S * 1000 for one in results)


def test_a_batch_of_a_job_that_stands_still_holds_nobody_up(app: App) -> None:
    """A paused job's reservations may stay for ever: another job learns that the month is over."""
    still = Chunk(app, *texts(2))
    app.batches.begin(still.id, 0, GEMINI, [((0,), Decimal("0.05"))])
    app.jobs.move(still.id, ("running",), "paused")
    app.ledger.budget_usd = Decimal("0.05")
    chunk = Chunk(app, *texts(2))
    time.sleep(app.settings.model_timeout_s)  # until then that call might be under way

    with pytest.raises(OverBudget):
        chunk.ask()


def test_a_job_waits_for_what_a_batch_leaves_over(app: App) -> None:
    """Longer than any single call takes: the other one has reserved far more than it will cost."""
    other = Chunk(app, *texts(3, "#takes=2"))
    threading.Thread(target=other.ask, daemon=True).start()
    assert wait_until(lambda: app.ledger.month().reserved_usd > 0)
    app.ledger.budget_usd = app.ledger.month().reserved_usd
    chunk = Chunk(app, *texts(3))

    assert chunk.ask()
    assert (other.labels, chunk.labels) == (["good"] * 3, ["good"] * 3)


@pytest.mark.parametrize("fault", ["failed", "expired", "unkeyed"])
def test_one_bad_batch_does_not_orphan_the_others(
    app: App, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Nothing more is sent, and the job fails once the others have ended and are collected."""
    monkeypatch.setattr(batch_send, "MOST_ROWS", 2)
    monkeypatch.setattr(batch_send, "MOST_AT_ONCE", 3)
    before = len(fake.batches.made)
    others = texts(6, "#takes=0.5")
    chunk = Chunk(app, fresh(f"good #batch={fault}"), fresh("good"), *others, *texts(2))

    with pytest.raises(AppError):
        chunk.ask()
    assert len(fake.batches.made) == before + 3
    assert chunk.labels == [None] * 2 + ["good"] * 4 + [None] * 4
    assert not app.batches.any_open()

    assert chunk.ask()
    assert chunk.labels == ["good"] * 10


def test_paid_tokens_stay_in_the_sums_of_a_job_that_halts(app: App, fake: FakeServer) -> None:
    """One answer to ask again and one that stops everything: the first was paid for."""
    before = len(fake.asked)
    chunk = Chunk(app, fresh("good #once=invalid"), fresh("good #fault=missing"), *texts(2))

    with pytest.raises(ModelMissing):
        chunk.ask()
    rows, calls = known(app, chunk)
    assert rows == calls > 0
    assert chunk.labels == [None, None, "good", "good"]
    assert len(fake.asked) == before, "nothing was asked again singly"


def test_what_is_asked_again_counts_every_call_once(app: App) -> None:
    """What the batch's answer took is stored with it, what the single call takes on top."""
    chunk = Chunk(app, fresh("good #once=invalid"), *texts(2))

    assert chunk.ask()
    rows, calls = known(app, chunk)
    assert rows == calls > 0
    assert chunk.labels == ["good"] * 3


@pytest.mark.parametrize("first", ["collected", "cancelled"])
def test_whoever_ends_a_batch_first_settles_all_of_it(app: App, first: str) -> None:
    """Cancelled while it is taken in: every call's cost is known, or every one is reserved."""
    chunk = Chunk(app, *texts(2))
    batch = app.batches.begin(chunk.id, 0, GEMINI, [((n,), CENT) for n in range(2)])
    taken = Ending(app, batch, chunk.rows)
    answer = BatchAnswer("good", Usage(10, 1, 0, 0), Finish.STOP, None)
    for call in batch.calls:
        taken.answered(chunk.crew.order.choice, call, answer)
    settled = [(one, one.result(GEMINI, "good", None)) for one in chunk.rows.values()]
    ways = {
        "collected": lambda: taken.store("collected", settled),
        "cancelled": lambda: give_up(app, batch, chunk.rows, Unreachable("gone"), "cancelled"),
    }

    assert ways.pop(first)()
    assert [late() for late in ways.values()] == [False]
    collected = first == "collected"
    assert chunk.labels == [("good" if collected else None)] * 2
    assert {row["cost_usd"] is not None for row in app.ledger.rows()} == {collected}
    assert chunk.job.reserved_usd == (0 if collected else 2 * CENT)


def test_a_deleted_job_ends_quietly(app: App) -> None:
    """Its batch was written down and never sent; there are no rows to send any more."""
    chunk = Chunk(app, *texts(2))
    app.batches.begin(chunk.id, 0, GEMINI, [((0,), Decimal("0.001"))])
    asking = chunk.asking()
    app.jobs.delete(chunk.id)

    assert asking.run() is False


def test_a_row_that_could_not_be_read_once_is_not_forgotten(app: App) -> None:
    """A disk that fails for a moment, while the row is on its way into a batch."""
    failing = [StorageFailed("the disk")]

    def picture(_: int) -> Media:
        if failing:
            raise failing.pop()
        return PICTURE

    chunk = Chunk(app, *texts(1), picture=picture)

    assert chunk.ask()
    assert chunk.labels == ["good"]


def test_what_stops_every_row_stops_the_job(app: App) -> None:
    """Before anything was sent; the job tells why."""

    def picture(_: int) -> Media:
        raise NotConfigured("no pictures here")

    with pytest.raises(NotConfigured):
        Chunk(app, *texts(2), picture=picture).ask()


def test_a_large_batch_is_cut_by_its_rows(
    app: App, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are stored in one transaction, for whose end all others wait."""
    monkeypatch.setattr(batch_send, "MOST_ROWS", 4)
    before = len(fake.batches.made)
    chunk = Chunk(app, *texts(10), rows_per_request=2)

    assert chunk.ask()
    assert len(fake.batches.made) == before + 3
    assert chunk.job.calls == 5
