"""A clock that is set back, or was wrong: sums, ids, speeds and sessions bear it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from starlette.datastructures import Headers

from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.conversations import Conversations, Turn
from lib.store.database import Database
from lib.store.job_rows import Answered, JobRows, Row
from lib.store.jobs import Jobs
from lib.store.ledger import Ledger, new_id
from lib.web.keyring import Keyring
from tests.unit.builders import CENT, GEMINI, paid

NOON = datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC)


class Clock:
    """A clock somebody sets; `moment` is what it shows."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def set_back(self, **by: float) -> None:
        self.moment -= timedelta(**by)

    @property
    def seconds(self) -> Callable[[], float]:
        return lambda: self.moment.timestamp()


def test_a_call_that_ends_before_it_began_is_settled(database: Database) -> None:
    """Set back over the month's end: each call is settled in the month it was opened in."""
    clock = Clock()
    ledger = Ledger(database, CENT, clock)
    call = ledger.open(GEMINI, "chat", CENT)
    clock.set_back(seconds=10)
    before = ledger.open(GEMINI, "chat", CENT)
    for one in (call, before):
        ledger.close(one, paid(Decimal("0.001")))
    november = ledger.month()
    clock.set_back(seconds=-10)
    december = ledger.month()

    assert (november.spent_usd, november.reserved_usd) == (Decimal("0.001"), 0)
    assert (december.spent_usd, december.reserved_usd) == (Decimal("0.001"), 0)
    assert [row["month"] for row in ledger.rows()] == ["2026-11", "2026-12"]


def test_a_call_under_way_is_still_seen(database: Database) -> None:
    """A call that seems to begin in a minute is under way; nobody gives a budget up too early."""
    clock = Clock()
    ledger = Ledger(database, now=clock)
    call = ledger.open(GEMINI, "job", CENT)
    clock.set_back(seconds=60)

    assert ledger.in_flight(longest_s=120)
    ledger.close(call, paid(CENT))
    assert not ledger.in_flight(longest_s=120)


def test_a_dead_call_of_a_wrong_clock_is_not_waited_for(database: Database) -> None:
    """A process that died under a clock a year ahead holds no job up until that year is over."""
    clock = Clock(NOON + timedelta(days=365))
    ledger = Ledger(database, now=clock)
    ledger.open(GEMINI, "job", CENT)
    clock.set_back(days=365)

    assert not ledger.in_flight(longest_s=120)


def test_ids_stay_unique(database: Database) -> None:
    """The same nanosecond again and again makes no id twice, and later ones sort behind."""
    same = [new_id(lambda: 1_764_000_000_000_000_000) for _ in range(1000)]
    later = new_id(lambda: 1_764_000_000_000_000_001)

    assert len(set(same)) == 1000
    assert all(one < later for one in same)


def test_a_jobs_speed_is_never_negative(database: Database) -> None:
    """Unknown while the clock says it began in the future; no time left is shown then."""
    clock = Clock()
    jobs, rows = Jobs(database, now=clock.seconds), JobRows(database)
    asked = parse({"text_column": "text", "labels": ["a", "b"]})
    jobs.add("j", "rows.csv", "upload", asked, GEMINI, 2, {})
    jobs.begin("j", 1)
    clock.set_back(hours=1)
    for n in range(2):
        rows.store("j", [Answered(Row(n, str(n)), RowResult("a", model=GEMINI), f"k{n}")])
        job = jobs.get("j")
        assert (job.rows_per_s, job.eta_s) == (None, None)
    jobs.finish("j", 1)
    done = jobs.get("j")

    assert (done.state, done.rows_done, done.rows_per_s) == ("done", 2, None)
    assert done.finished


def test_messages_keep_their_order(database: Database) -> None:
    """A conversation is in the order it was said in, whatever the clock showed."""
    clock = Clock()
    store = Conversations(database, now=clock)
    conversation = store.start("hello")
    for position in range(4):
        store.add(conversation, [Turn(position, "user", f"message {position}")])
        clock.set_back(hours=1)

    assert [turn.text for turn in store.turns(conversation)] == [f"message {n}" for n in range(4)]


def test_a_login_of_the_future_counts_for_nothing() -> None:
    """Set back past a login, that one must be repeated; the new one counts, and keeps counting."""
    clock = Clock()
    keyring = Keyring("password", now=clock.seconds)

    def inside(value: str) -> bool:
        return keyring.has_cookie(Headers({"cookie": f"{keyring.cookie_name}={value}"}))

    before = keyring.issue_cookie()
    assert inside(before)
    clock.set_back(minutes=1)
    after = keyring.issue_cookie()

    assert (inside(before), inside(after)) == (False, True)
    clock.set_back(minutes=-1)
    assert inside(after)
