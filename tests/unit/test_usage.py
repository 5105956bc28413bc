"""The ledger added up: nothing unknown becomes 0, no call is lost, each period has its own."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.chat import Finish, Source, Usage
from lib.core.errors import BadInput
from lib.core.period import Period, parse
from lib.core.spend import Speed, Totals
from lib.store import usage
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome
from lib.store.usage import UsageLog
from lib.work import usage_files
from lib.work.app import App
from tests.unit.builders import CENT, GEMINI, OLLAMA, at, paid


def write(
    database: Database, when: str, outcome: Outcome | None, model: str = GEMINI,
    source: Source = "chat",
) -> None:  # fmt: skip
    ledger = Ledger(database, now=at(when))
    call = ledger.open(model, source, CENT)
    if outcome:
        ledger.close(call, outcome)


@pytest.fixture
def log(database: Database) -> UsageLog:
    """Two days: two priced answers, one of unknown price, one refused, one still running."""
    write(database, "2026-11-21T23:59:59.999999", paid(CENT, usage=Usage(10, 5, 2, 1)))
    write(database, "2026-11-22T00:00:00", paid(CENT * 2, usage=Usage(20, 7)), source="api")
    write(database, "2026-11-22T10:00:00", paid(None, usage=Usage(1000)), OLLAMA)
    refused = Outcome(Finish.ERROR, error="rate_limited", released=True)
    write(database, "2026-11-22T11:00:00", refused)
    write(database, "2026-11-22T12:00:00", None)
    return UsageLog(database)


def test_sums_hold_what_is_known(log: UsageLog) -> None:
    """Unknown counts and costs are left out of a sum and counted beside it."""
    assert log.spend().total == Totals(
        calls=5, usage=Usage(1030, 12, 2, 1), cost_usd=Decimal("0.03"), unpriced_calls=3,
        errors=1, in_flight=1, reserved_usd=CENT * 2,
    )  # fmt: skip


def test_nothing_known_is_none(log: UsageLog) -> None:
    """A model without any price has no cost, and it is not 0; without counts it has none."""
    by_model = log.spend().by("model")

    assert by_model[OLLAMA].cost_usd is None
    assert by_model[OLLAMA].usage.output_tokens is None
    assert log.spend().by("error")["rate_limited"].usage == Usage()


def test_no_call_at_all(database: Database) -> None:
    """An empty ledger is no calls of no known cost."""
    assert UsageLog(database).spend().total == Totals()


def test_sides(log: UsageLog) -> None:
    """The same calls by day, model, source and error add up to the same, in order."""
    spend = log.spend()

    assert {key: one.calls for key, one in spend.by("day").items()} == {
        "2026-11-21": 1, "2026-11-22": 4,
    }  # fmt: skip
    assert list(spend.by("source")) == ["api", "chat"]
    assert list(spend.by("error")) == ["rate_limited"]
    assert {key: one.calls for key, one in spend.daily("model").items()} == {
        ("2026-11-21", GEMINI): 1, ("2026-11-22", GEMINI): 3, ("2026-11-22", OLLAMA): 1,
    }  # fmt: skip
    for side in ("day", "model", "source"):
        assert sum(spend.by(side).values(), Totals()) == spend.total


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(log: UsageLog) -> None:
    """Half-open to the microsecond, so that neighbouring periods share no call and miss none."""
    midnight = datetime(2026, 11, 22, tzinfo=UTC)

    assert log.spend(Period(until=midnight)).total.calls == 1
    assert log.spend(Period(since=midnight)).total.calls == 4
    elsewhere = midnight.astimezone(datetime.fromisoformat("2026-01-01T00+05:30").tzinfo)
    assert log.spend(Period(since=elsewhere)).total.calls == 4
    assert log.spend(Period(midnight, midnight)).total == Totals()


def test_speeds_are_of_answers_that_ended(database: Database) -> None:
    """Nearest-rank percentiles; answers broken off, and unknown counts, are left out."""
    for ttft in range(1, 21):
        outcome = Outcome(Finish.STOP, Usage(5, 101), ttft_ms=ttft * 10.0, total_ms=ttft * 10 + 1e3)
        write(database, "2026-11-22T10:00:00", outcome)
    slow = Outcome(Finish.STOPPED, Usage(5, 2), ttft_ms=9e5, total_ms=9e6)
    write(database, "2026-11-22T10:00:00", slow)
    write(database, "2026-11-22T10:00:00", paid(None, ttft_ms=7.0), OLLAMA)

    assert UsageLog(database).speeds() == {
        GEMINI: Speed(100.0, 190.0, pytest.approx(100.0)), OLLAMA: Speed(7.0, 7.0, None),
    }  # fmt: skip


def test_every_call_once_in_pieces(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of the same moment at the border of two pieces come once, none is missed."""
    monkeypatch.setattr(usage, "AT_ONCE", 3)
    for second in (1, 1, 1, 1, 2, 2, 3):
        write(database, f"2026-11-22T10:00:0{second}", paid(CENT))
    pieces = list(UsageLog(database).calls())
    ids = [row["id"] for piece in pieces for row in piece]

    assert list(map(len, pieces)) == [3, 3, 1]
    assert len(set(ids)) == 7
    newest = UsageLog(database).newest(Period(), 2)
    assert [row["id"] for row in newest] == ids[:-3:-1]


def test_the_log_has_the_guides_names(app: App) -> None:
    """Each line holds the guide's five fields and ours; what is unknown is null, never 0."""
    write(app.database, "2026-11-22T10:00:00", paid(Decimal("0.000123"), usage=Usage(10, 5, 2, 1)))
    write(app.database, "2026-11-22T11:00:00", paid(None, usage=Usage(10)))
    first, second = map(json.loads, b"".join(usage_files.jsonl(app, Period())).splitlines())

    assert first == {
        "timestamp": "2026-11-22T10:00:00.000000+00:00", "prompt_tokens": 10, "output_tokens": 5,
        "total_tokens": 15, "estimated_cost_usd": 0.000123, "model": GEMINI, "source": "chat",
        "thinking_tokens": 2, "cached_tokens": 1, "ttft_ms": None, "total_ms": 12.0,
        "finish": "stop", "error": None,
    }  # fmt: skip
    assert (second["total_tokens"], second["estimated_cost_usd"]) == (None, None)


def test_the_csv_is_safe_and_exact(app: App, tmp_path: Path) -> None:
    """A model named like a formula stays a text; costs keep every digit; unknown is empty."""
    exact = Decimal("0.000000123457")
    write(app.database, "2026-11-22T10:00:00", paid(exact), model="=cmd()")
    header, row = b"".join(usage_files.csv_file(app, Period())).decode().splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True))

    assert cells["estimated_cost_usd"] == "0.000000123457"
    assert cells["model"] == "'=cmd()"
    assert cells["prompt_tokens"] == ""


@pytest.mark.parametrize(
    ("since", "until", "begin", "end"),
    [
        (None, None, None, None),
        ("2026-11-22", "2026-11-22", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("2026-11-22T10:00:00Z", "2026-11-22", "2026-11-22T10:00", "2026-11-23T00:00"),
        ("2026-11-22T10:00", "2026-11-22T10:00", "2026-11-22T10:00", "2026-11-22T10:00"),
        (None, "2026-W47-7", None, "2026-11-23T00:00"),
        (None, "20261122", None, "2026-11-23T00:00"),
        ("2026-11-22T10:00:00Z", "", "2026-11-22T10:00", None),
        ("2026-11-22T10:00:00+05:30", None, "2026-11-22T04:30", None),
        ("2026-11-22T10:00:00 05:30", None, "2026-11-22T04:30", None),
        (None, "2026-11-22T10:00", None, "2026-11-22T10:00"),
    ],
)
def test_periods_are_read_as_utc(
    since: str | None, until: str | None, begin: str | None, end: str | None
) -> None:
    """Dates and times of ISO 8601; a last day counts whole; a bare + became a blank on the way."""

    def moment(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert parse(since, until) == Period(moment(begin), moment(end))


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        ("yesterday", None, "since"),
        (None, "2026-13-01", "until"),
        ("\0", None, "since"),
        (None, "9999-12-31", "until"),
        ("0001-01-01T00:00:00+10:00", None, "since"),
        ("2026-11-22", "2026-11-21", "until"),
    ],
)
def test_a_wrong_period_names_its_field(since: str | None, until: str | None, field: str) -> None:
    """What is no time, or ends before it begins, is refused by name."""
    with pytest.raises(BadInput, match=f"^{field}: "):
        parse(since, until)


def test_a_period_of_a_day_is_a_day() -> None:
    """The last day's end is the next midnight."""
    found = parse("2026-11-22", "2026-11-22")
    assert found.since
    assert found.until
    assert found.until - found.since == timedelta(days=1)
