"""The ledger loses no call and no picodollar, and nobody races past the budget."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import Finish, Usage
from lib.core.errors import OverBudget
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome, new_id, to_pico, to_usd

ROOT = Path(__file__).parents[2]
MODEL = "gemini/gemini-3.1-flash-lite"
CENT = Decimal("0.01")
ODD = Decimal("0.000000123457")  # a sum of these shows every lost or rounded picodollar
WRITER = f"""
import sys
from decimal import Decimal
from lib.core.chat import Finish
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome
ledger = Ledger(Database(sys.argv[1]))
sys.stdin.readline()
for _ in range(100):
    call = ledger.open({MODEL!r}, "job", Decimal("0.01"))
    ledger.close(call, Outcome(Finish.STOP, cost_usd=Decimal("{ODD}"), total_ms=1.0))
"""
DIER = f"""
import sys, time
from decimal import Decimal
from lib.store.database import Database
from lib.store.ledger import Ledger
print(Ledger(Database(sys.argv[1])).open({MODEL!r}, "chat", Decimal("0.25")), flush=True)
time.sleep(60)
"""


def at(text: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(text).replace(tzinfo=UTC)


def stop(cost: Decimal | None, **facts) -> Outcome:
    return Outcome(Finish.STOP, cost_usd=cost, total_ms=12.0, **facts)


def process(code: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_call_is_one_row(database: Database):
    """A call that ended has one row with everything it took."""
    ledger = Ledger(database, now=at("2026-11-22T10:00:00"))
    call = ledger.open(MODEL, "vision", CENT)
    usage = Usage(100, 50, 20, 10)
    outcome = Outcome(
        Finish.LENGTH, usage, Decimal("0.0000975"), ttft_ms=412.5, total_ms=1000.25,
        version="gemini-3.1-flash-lite-002", tier="flex",
    )  # fmt: skip
    ledger.close(call, outcome)

    (row,) = ledger.rows()
    assert row == {
        "id": call, "started": "2026-11-22T10:00:00.000000+00:00", "month": "2026-11",
        "model": MODEL, "source": "vision", "finish": "length", "error": None,
        "input_tokens": 100, "output_tokens": 50, "thinking_tokens": 20, "cached_tokens": 10,
        "cost_picousd": 97_500_000, "cost_usd": Decimal("0.0000975"), "reserved_picousd": 0,
        "ttft_ms": 412.5, "total_ms": 1000.25, "version": "gemini-3.1-flash-lite-002",
        "tier": "flex",
    }  # fmt: skip


def test_what_is_not_known_stays_unknown(database: Database):
    """Counts, times and costs nobody said are None in the row, never 0."""
    ledger = Ledger(database)
    ledger.close(ledger.open(MODEL, "api", CENT), stop(None))
    (row,) = ledger.rows()
    unknown = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_usd")

    assert [row[name] for name in (*unknown, "ttft_ms", "version", "tier", "error")] == [None] * 9


@pytest.mark.parametrize(
    ("outcome", "spent", "reserved"),
    [
        (stop(Decimal("0.004")), "0.004", "0"),
        (stop(Decimal(0)), "0", "0"),
        (stop(Decimal("0.02")), "0.02", "0"),
        (stop(None), "0", "0.01"),
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
    call = ledger.open(MODEL, "chat", CENT)
    before = ledger.month()
    ledger.close(call, outcome)
    after = ledger.month()

    assert (before.spent_usd, before.reserved_usd) == (0, CENT)
    assert (after.spent_usd, after.reserved_usd) == (Decimal(spent), Decimal(reserved))


def test_closing_twice_changes_nothing(database: Database):
    """The first end of a call is its end, also when it took no time."""
    ledger = Ledger(database)
    call = ledger.open(MODEL, "chat", CENT)
    ledger.close(call, Outcome(Finish.STOPPED, cost_usd=Decimal("0.001")))
    first, month = ledger.rows(), ledger.month()
    ledger.close(call, stop(Decimal("0.009")))

    assert ledger.rows() == first
    assert ledger.month() == month


def test_two_who_close_at_once_settle_once(database: Database):
    """A call closed by many threads at once is paid once."""
    ledger = Ledger(database)
    call = ledger.open(MODEL, "chat", CENT)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.close(call, stop(Decimal("0.001"))), range(8)))
    month = ledger.month()

    assert (month.spent_usd, month.reserved_usd) == (Decimal("0.001"), 0)


def test_a_call_belongs_to_the_month_it_started_in(database: Database):
    """A call over midnight is paid by the month it was reserved in."""
    october = Ledger(database, now=at("2026-10-31T23:59:59"))
    november = Ledger(database, now=at("2026-11-01T00:00:01"))
    call = october.open(MODEL, "job", CENT)
    november.close(call, stop(Decimal("0.005")))

    assert (october.month().spent_usd, october.month().reserved_usd) == (Decimal("0.005"), 0)
    assert (november.month().spent_usd, november.month().reserved_usd) == (0, 0)


def test_over_budget_writes_nothing_and_says_what_is_left(database: Database):
    """A call that could exceed the budget is refused, leaves no row, and the answer tells why."""
    ledger = Ledger(database, budget_usd=Decimal("0.015"))
    ledger.close(ledger.open(MODEL, "chat", CENT), stop(Decimal("0.007")))
    before = ledger.month()
    with pytest.raises(OverBudget) as refused:
        ledger.open(MODEL, "chat", CENT)

    assert "$0.008000" in str(refused.value)
    assert "$0.015" in str(refused.value)
    assert len(ledger.rows()) == 1
    assert ledger.month() == before


def test_a_budget_may_be_used_up_exactly(database: Database):
    """A call that just fits goes through, and one of a picodollar more does not."""
    ledger = Ledger(database, budget_usd=CENT)
    with pytest.raises(OverBudget):
        ledger.open(MODEL, "chat", CENT + Decimal("1e-12"))
    ledger.open(MODEL, "chat", CENT)
    with pytest.raises(OverBudget):
        ledger.open(MODEL, "chat", Decimal("1e-12"))

    assert ledger.month().reserved_usd == CENT


def test_free_calls_pass_an_empty_budget(database: Database):
    """A local answer that reserves nothing is not held against the budget."""
    ledger = Ledger(database, budget_usd=Decimal(0))
    ledger.open("ollama/gemma3:4b", "chat", Decimal(0))

    assert len(ledger.rows()) == 1


@pytest.mark.parametrize("budget", ["1000000000", "9223372"])
def test_any_budget_a_setting_takes_can_be_kept(database: Database, budget: str):
    """The largest budget holds, and a call of infinite cost never fits into it."""
    ledger = Ledger(database, budget_usd=Decimal(budget))
    ledger.open(MODEL, "chat", CENT)
    with pytest.raises(OverBudget):
        ledger.open(MODEL, "chat", Decimal("Infinity"))

    assert ledger.month().reserved_usd == CENT


def test_a_new_month_has_its_whole_budget(database: Database):
    """The budget is a calendar month's; the next one begins at zero."""
    Ledger(database, CENT, at("2026-11-30T23:59:59")).open(MODEL, "chat", CENT)
    december = Ledger(database, CENT, at("2026-12-01T00:00:00"))
    december.open(MODEL, "chat", CENT)

    assert december.month().reserved_usd == CENT


def test_threads_cannot_race_past_the_budget(database: Database):
    """Fifty callers at once against money for ten: exactly ten get through."""
    ledger = Ledger(database, budget_usd=10 * CENT)
    together = threading.Barrier(50)

    def call(_: int) -> bool:
        together.wait()
        try:
            ledger.open(MODEL, "job", CENT)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        through = sum(pool.map(call, range(50)))

    assert through == 10
    assert len(ledger.rows()) == 10
    assert ledger.month().reserved_usd == 10 * CENT


def test_parallel_writers_lose_nothing(database: Database):
    """Ten writers of a hundred calls each: every row is there and the sum is exact."""
    ledger = Ledger(database)

    def write(_: int) -> None:
        for _ in range(100):
            ledger.close(ledger.open(MODEL, "job", CENT), stop(ODD))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(10)))
    rows, month = ledger.rows(), ledger.month()

    assert len({row["id"] for row in rows}) == 1000
    assert sum(row["cost_usd"] for row in rows) == 1000 * ODD
    assert (month.spent_usd, month.reserved_usd) == (1000 * ODD, 0)


def test_processes_lose_nothing(database_url: str):
    """Two processes that write at the same time: every row is there and the sum is exact."""
    writers = [process(WRITER, database_url) for _ in range(2)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    codes = [writer.wait(60) for writer in writers]
    for writer in writers:
        writer.communicate()
    database = Database(database_url)
    ledger = Ledger(database)
    rows, month = ledger.rows(), ledger.month()
    database.close()

    assert codes == [0, 0]
    assert len(rows) == 200
    assert (month.spent_usd, month.reserved_usd) == (200 * ODD, 0)


def test_a_killed_process_leaves_its_call_incomplete(database_url: str):
    """A kill -9 in the middle of a call leaves its row as «incomplete», its money reserved."""
    dier = process(DIER, database_url)
    call = dier.stdout.readline().strip()
    os.kill(dier.pid, signal.SIGKILL)
    dier.communicate()
    database = Database(database_url)
    ledger = Ledger(database)
    (row,), month = ledger.rows(), ledger.month()
    database.close()

    assert (row["id"], row["finish"], row["cost_usd"]) == (call, "incomplete", None)
    assert row["total_ms"] is None
    assert (month.spent_usd, month.reserved_usd) == (0, Decimal("0.25"))


def test_rows_come_in_the_order_they_started(database: Database):
    """The oldest call is first, also when one started on the full second."""
    times = ["2026-11-22T10:00:00.500", "2026-11-22T10:00:00", "2026-11-22T09:59:59.999999"]
    for time in times:
        Ledger(database, now=at(time)).open(MODEL, "chat", Decimal(0))
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
