"""What a batch costs: half of the standard price where it is known, before it is sent and after."""

from datetime import datetime
from decimal import Decimal

import pytest

from lib.core.batch import weight
from lib.core.chat import Media, Message, Request, Usage
from lib.core.prices import BATCH
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store import catalogue
from lib.work.app import App
from lib.work.trial import Trial, TriedRow, estimate
from tests.unit.builders import GEMINI, INPUT, OUTPUT, at

NOW, BEFORE = at("2026-11-23 12:00")(), at("2026-10-13 12:00")()
MODEL = GEMINI.partition("/")[2]


@pytest.mark.parametrize("usage", [Usage(1000, 50, 0, 0), Usage(1000, 50, 10, 900)])
def test_a_batch_costs_half(usage: Usage) -> None:
    prices = catalogue.prices()

    assert prices.cost(usage, MODEL, NOW, BATCH) == prices.cost(usage, MODEL, NOW) / 2


@pytest.mark.parametrize(("model", "on"), [(MODEL, BEFORE), ("gemini-9-unpriced", NOW)])
def test_an_unknown_price_of_a_batch_is_unknown(model: str, on: datetime) -> None:
    """Before its table begins the package would give the standard price."""
    assert catalogue.prices().cost(Usage(1000, 50, 0, 0), model, on, BATCH) is None


def test_half_is_reserved() -> None:
    request = Request(MODEL, (Message("user", "a text"),), max_tokens=20)
    prices = catalogue.prices()

    most = prices.worst_case(request, None, NOW, BATCH)
    assert 0 < most == prices.worst_case(request, None, NOW) / 2


def test_a_trial_tells_the_price_and_not_the_time_of_a_batch(app: App) -> None:
    """The tokens that were tried at the batch's price; how long Google takes nobody knows."""
    tried = RowResult("a", None, None, GEMINI, Usage(100, 10, 0, 0), Decimal("0.001"), 60.0)
    made = Trial(GEMINI, (TriedRow(0, "x", tried), TriedRow(1, "y", tried)))
    found = estimate(app, made, parse({"labels": ["a", "b"], "batch": True}), 1000)

    assert found.usd == Decimal(1000) * (100 * INPUT + 10 * OUTPUT) / 2
    assert (found.minutes, found.minutes_low) == (None, None)


def test_a_request_weighs_no_less_than_it_takes() -> None:
    """Pictures as base64, and text as JSON escapes it."""
    said = Message("user", "ä" * 1000, (Media("image/png", bytes(3000)),))

    assert weight(Request(MODEL, (said,), system="s" * 500)) >= 6000 + 4000 + 500
