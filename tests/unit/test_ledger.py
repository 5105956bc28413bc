"""A call is one row of the ledger, settled once, to the picodollar."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import Finish, Usage
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome, new_id, to_pico, to_usd
from tests.unit.builders import CENT, GEMINI, at, paid


def test_a_call_is_one_row(database: Database):
    """A call that ended has one row with everything it took."""
    ledger = Ledger(database, now=at("2026-11-22T10:00:00"))
    call = ledger.open(GEMINI, "vision", CENT)
    usage = Usage(100, 50, 20, 10)
    outcome = Outcome(
        Finish.LENGTH, usage, Decimal("0.0000975"), ttft_ms=412.5, total_ms=1000.25,
        version="gemini-3.1-flash-lite-002", tier="flex",
    )  # fmt: skip
    ledger.close(call, outcome)

    (row,) = ledger.rows()
    assert row == {
        "id": call, "started": "2026-11-22T10:00:00.000000+00:00", "month": "2026-11",
        "model": GEMINI, "source": "vision", "finish": "length", "error": None,
        "input_tokens": 100, "output_tokens": 50, "thinking_tokens": 20, "cached_tokens": 10,
        "cost_picousd": 97_500_000, "cost_usd": Decimal("0.0000975"), "reserved_picousd": 0,
        "ttft_ms": 412.5, "total_ms": 1000.25, "version": "gemini-3.1-flash-lite-002",
        "tier": "flex", "job": None,
    }  # fmt: skip


def test_what_is_not_known_stays_unknown(database: Database):
    """Counts, times and costs nobody said are None in the row, never 0."""
    ledger = Ledger(database)
    ledger.close(ledger.open(GEMINI, "api", CENT), paid(None))
    (row,) = ledger.rows()
    unknown = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_usd")

    assert [row[name] for name in (*unknown, "ttft_ms", "version", "tier", "error")] == [None] * 9


@pytest.mark.parametrize(
    ("outcome", "spent", "reserved"),
    [
        (paid(Decimal("0.004")), "0.004", "0"),
        (paid(Decimal(0)), "0", "0"),
        (paid(Decimal("0.02")), "0.02", "0"),
        (paid(None), "0", "0.01"),
        (Outcome(Finish.ERROR, error="bad_reply"), "0", "0.01"),
        (Outcome(Finish.ERROR, error="rate_limited", released=True), "0", "0"),
    ],
    ids=["known", "free", "above", "unknown", "broken", "released"],
)
def test_the_reservation_is_settled(
    database: Database, outcome: Outcome, spent: str, reserved: str
):
    """A known cost replaces the reservation, an unknown one keeps it, a refusal frees it."""
    ledger = Ledger(database)
    call = ledger.open(GEMINI, "chat", CENT)
    before = ledger.month()
    ledger.close(call, outcome)
    after = ledger.month()

    assert (before.spent_usd, before.reserved_usd) == (0, CENT)
    assert (after.spent_usd, after.reserved_usd) == (Decimal(spent), Decimal(reserved))


def test_closing_twice_changes_nothing(database: Database):
    """The first end of a call is its end, also when it took no time."""
    ledger = Ledger(database)
    call = ledger.open(GEMINI, "chat", CENT)
    ledger.close(call, Outcome(Finish.STOPPED, cost_usd=Decimal("0.001")))
    first, month = ledger.rows(), ledger.month()
    ledger.close(call, paid(Decimal("0.009")))

    assert ledger.rows() == first
    assert ledger.month() == month


def test_a_call_belongs_to_the_month_it_started_in(database: Database):
    """A call over midnight is paid by the month it was reserved in."""
    october = Ledger(database, now=at("2026-10-31T23:59:59"))
    november = Ledger(database, now=at("2026-11-01T00:00:01"))
    call = october.open(GEMINI, "job", CENT)
    november.close(call, paid(Decimal("0.005")))

    assert (october.month().spent_usd, october.month().reserved_usd) == (Decimal("0.005"), 0)
    assert (november.month().spent_usd, november.month().reserved_usd) == (0, 0)


def test_rows_come_in_the_order_they_started(database: Database):
    """The oldest call is first, also when one started on the full second."""
    times = ["2026-11-22T10:00:00.500", "2026-11-22T10:00:00", "2026-11-22T09:59:59.999999"]
    for time in times:
        Ledger(database, now=at(time)).open(GEMINI, "chat", Decimal(0))
    started = [row["started"] for row in Ledger(database).rows()]

    assert started == [at(time)().isoformat(timespec="microseconds") for time in sorted(times)]


@given(st.decimals(0, 9_000_000, places=12))
def test_money_survives_storage(usd: Decimal):
    """Every amount with twelve decimals comes back as it was."""
    assert to_usd(to_pico(usd)) == usd


def test_ids_sort_by_time():
    """A later call has a greater id, and two of the same moment differ."""
    assert new_id(lambda: 10**18) < new_id(lambda: 10**18 + 1)
    assert new_id(lambda: 7) != new_id(lambda: 7)
