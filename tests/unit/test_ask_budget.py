"""A call that could exceed the month's budget is not made, however many try at once."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.errors import (
    AppError,
    ModelMissing,
    OverBudget,
)
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import (
    GEMINI,
    INPUT,
    OLLAMA,
    OUTPUT,
    answer,
    only_row,
    running,
    start,
)


def worst_usd(text: str, max_tokens: int) -> Decimal:
    """The most a short prompt could cost: a token per byte and 16 around each of two messages."""
    return (len(text.encode()) + 32) * INPUT + max_tokens * OUTPUT


def test_a_call_that_could_exceed_the_budget_is_not_made(fake: FakeServer, tmp_path: Path) -> None:
    """The refusal comes before anything is sent, and leaves no row."""
    before = len(fake.calls)
    with running(fake, tmp_path, monthly_budget_usd="0.0001") as app:
        with pytest.raises(OverBudget):
            answer(app, GEMINI, "hello", max_tokens=2000)
        rows, month = app.ledger.rows(), app.ledger.month()

    assert rows == []
    assert month.reserved_usd == 0
    assert not any(":" in call.path for call in fake.calls[before:])


def test_the_worst_case_is_reserved_and_then_settled(fake: FakeServer, tmp_path: Path) -> None:
    """While a call runs, all it could cost is held; afterwards what it did cost is spent."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        pieces = start(app, GEMINI, "one two three", max_tokens=1000)
        next(pieces)
        during = app.ledger.month()
        list(pieces)
        after = app.ledger.month()

    assert during.spent_usd == 0
    assert 1000 * OUTPUT < during.reserved_usd <= worst_usd("one two three", 1000)
    assert (after.spent_usd, after.reserved_usd) == (3 * INPUT + 3 * OUTPUT, 0)


@pytest.mark.parametrize("fault", ["bad_request", "bad_key", "missing", "rate_limited", "quota"])
def test_a_refusal_with_4xx_releases_the_reservation(
    fake: FakeServer, tmp_path: Path, fault: str
) -> None:
    """What the provider turned away was not charged."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        with pytest.raises(AppError):
            answer(app, GEMINI, f"one #fault={fault}")
        month = app.ledger.month()

    assert (month.spent_usd, month.reserved_usd) == (0, 0)


@pytest.mark.parametrize("fault", ["unavailable", "html500", "mid_error", "reset", "broken_json"])
def test_a_call_that_broke_after_it_was_sent_keeps_its_reservation(
    fake: FakeServer, tmp_path: Path, fault: str
) -> None:
    """What may have been charged stays counted against the budget."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        with pytest.raises(AppError):
            answer(app, GEMINI, f"one two three four #fault={fault}")
        month = app.ledger.month()

    assert month.spent_usd == 0
    assert month.reserved_usd > 0


@pytest.mark.parametrize("fault", ["unavailable", "html500", "reset", "broken_json"])
def test_a_machine_that_fails_at_once_costs_little(
    fake: FakeServer, tmp_path: Path, fault: str
) -> None:
    """Its time has a price however a call ends: a hundred quick failures must not eat a budget."""
    with running(fake, tmp_path, monthly_budget_usd=1, gpu_usd_per_hour="0.25") as app:
        with pytest.raises(AppError):
            answer(app, OLLAMA, f"one #fault={fault}")
        month, row = app.ledger.month(), only_row(app)

    assert month.reserved_usd == 0
    assert month.spent_usd == row["cost_usd"]
    assert 0 < row["cost_usd"] < Decimal("0.0003")  # four seconds


def test_parallel_calls_cannot_race_past_a_small_budget(fake: FakeServer, tmp_path: Path) -> None:
    """Of twenty calls at once only as many are made as fit; the rest is refused."""
    budget = 5 * worst_usd("hello #pace=0.1", 100)
    before = len(fake.calls)
    with running(fake, tmp_path, monthly_budget_usd=budget) as app:
        app.models.all()

        def one(_: int) -> bool:
            try:
                answer(app, GEMINI, "hello #slow=0.5", max_tokens=100)
            except OverBudget:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            made = sum(pool.map(one, range(20)))
        rows, month = app.ledger.rows(), app.ledger.month()

    assert 1 <= made <= 6
    assert len(rows) == made
    assert sum(":" in call.path for call in fake.calls[before:]) == made
    assert month.reserved_usd == 0
    assert month.spent_usd == sum(row["cost_usd"] for row in rows) <= budget


def test_local_calls_without_a_rate_pass_a_spent_budget(fake: FakeServer, tmp_path: Path) -> None:
    """A budget of 0 stops paid calls, not the machine's own models."""
    with running(fake, tmp_path, monthly_budget_usd=0) as app:
        text, _ = answer(app, OLLAMA, "hello")

    assert text == "hello"


def test_an_unpriced_model_is_refused_under_a_budget(fake: FakeServer, tmp_path: Path) -> None:
    """A budget cannot be kept with a model of unknown price, so it is not asked."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app, pytest.raises(OverBudget) as caught:
        answer(app, "gemini/gemini-9-tomorrow", "hello")

    assert "price" in str(caught.value)
    assert "Whoever runs this server" in caught.value.hint
    assert "MONTHLY_BUDGET_USD" in caught.value.hint


def test_an_unpriced_model_is_asked_without_a_budget(app: App) -> None:
    """Without a budget nothing keeps it from its provider, who here does not have it."""
    with pytest.raises(ModelMissing):
        answer(app, "gemini/gemini-9-tomorrow", "hello")

    assert only_row(app)["error"] == "model_missing"
