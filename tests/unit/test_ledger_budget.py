"""The ledger opens no call that could exceed the month's budget."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from lib.core.errors import OverBudget
from lib.store.database import Database
from lib.store.ledger import Ledger
from tests.unit.builders import CENT, GEMINI, at, paid


def test_over_budget_writes_nothing_and_says_what_is_left(database: Database):
    """A call that could exceed the budget is refused, leaves no row, and the answer tells why."""
    ledger = Ledger(database, budget_usd=Decimal("0.015"))
    ledger.close(ledger.open(GEMINI, "chat", CENT), paid(Decimal("0.007")))
    before = ledger.month()
    with pytest.raises(OverBudget) as refused:
        ledger.open(GEMINI, "chat", CENT)

    assert "$0.008000" in str(refused.value)
    assert "$0.015" in str(refused.value)
    assert len(ledger.rows()) == 1
    assert ledger.month() == before


def test_a_budget_may_be_used_up_exactly(database: Database):
    """A call that just fits goes through, and one of a picodollar more does not."""
    ledger = Ledger(database, budget_usd=CENT)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "chat", CENT + Decimal("1e-12"))
    ledger.open(GEMINI, "chat", CENT)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "chat", Decimal("1e-12"))

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
    ledger.open(GEMINI, "chat", CENT)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "chat", Decimal("Infinity"))

    assert ledger.month().reserved_usd == CENT


def test_a_new_month_has_its_whole_budget(database: Database):
    """The budget is a calendar month's; the next one begins at zero."""
    Ledger(database, CENT, at("2026-11-30T23:59:59")).open(GEMINI, "chat", CENT)
    december = Ledger(database, CENT, at("2026-12-01T00:00:00"))
    december.open(GEMINI, "chat", CENT)

    assert december.month().reserved_usd == CENT


def test_threads_cannot_race_past_the_budget(database: Database):
    """Fifty callers at once against money for ten: exactly ten get through."""
    ledger = Ledger(database, budget_usd=10 * CENT)
    together = threading.Barrier(50)

    def call(_: int) -> bool:
        together.wait()
        try:
            ledger.open(GEMINI, "job", CENT)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        through = sum(pool.map(call, range(50)))

    assert through == 10
    assert len(ledger.rows()) == 10
    assert ledger.month().reserved_usd == 10 * CENT
