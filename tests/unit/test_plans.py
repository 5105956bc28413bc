"""A saved estimate beside the month: like with like, and nothing made up."""

from decimal import Decimal

import pytest

from lib.core.chat import Usage
from lib.core.plan import Comparison, Side
from lib.store.ledger import Ledger, Outcome
from lib.web.estimate_api import EXAMPLE
from lib.work import plans
from lib.work.app import App
from tests.unit.builders import GEMINI, INPUT, OLLAMA, OUTPUT, at, paid

NOON_16TH = at("2026-11-16 00:00")()  # half of November
MILLION = Usage(500_000, 500_000, 0, 0)
MILLION_USD = 500_000 * (INPUT + OUTPUT)


def call(app: App, model: str, outcome: Outcome | None, day: str = "2026-11-10") -> None:
    """A call in the ledger on that day; without an outcome it is still running."""
    ledger = Ledger(app.database, now=at(f"{day} 12:00"))
    opened = ledger.open(model, "api", Decimal(0))
    if outcome:
        ledger.close(opened, outcome)


def against(app: App, side: Side = "api", **work: object) -> Comparison:
    month = plans.this_month(app, NOON_16TH)
    return plans.against(app, EXAMPLE | work, side, month)[1]


def test_half_a_month(app: App) -> None:
    """A hundred million tokens planned: fifty expected by now, one used, two at this pace."""
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION))
    found = against(app)

    assert found.tokens.planned == 100_000_000
    assert found.tokens.expected == 50_000_000
    assert found.tokens.so_far == 1_000_000
    assert found.tokens.at_this_pace == 2_000_000
    assert found.usd.planned == Decimal("87.5")
    assert found.usd.expected == Decimal("43.75")
    assert found.usd.so_far == MILLION_USD
    assert found.usd.at_this_pace == 2 * MILLION_USD
    assert found.planned_usd_per_mtok == found.paid_usd_per_mtok == Decimal("0.875")


def test_only_this_month_counts(app: App) -> None:
    """Calls of another month are no part of it."""
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION), "2026-10-31")
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION), "2026-12-01")

    assert against(app).calls.calls == 0
    assert against(app).tokens.so_far == 0
    assert against(app).usd.so_far == 0
    assert against(app).paid_usd_per_mtok is None


def test_sides_do_not_mix(app: App) -> None:
    """What ran on own models is no use of the API, and its busy seconds are no rent."""
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION))
    call(app, OLLAMA, paid(Decimal("0.01"), usage=Usage(300_000, 100_000)))
    api, gpu = against(app), against(app, "gpu")

    assert api.calls.calls == gpu.calls.calls == 1
    assert gpu.tokens.so_far == 400_000
    assert gpu.usd.planned is not None
    assert gpu.usd.so_far is None
    assert gpu.paid_usd_per_mtok == Decimal("0.025")


def test_a_call_without_a_price_is_not_free(app: App) -> None:
    """Its tokens are used, but the price per million is that of priced calls alone."""
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION), "2026-11-02")
    call(app, GEMINI, paid(None, usage=MILLION), "2026-11-03")
    found = against(app)

    assert found.calls.unpriced_calls == 1
    assert found.tokens.so_far == 2_000_000
    assert found.usd.so_far == MILLION_USD
    assert found.priced.calls == 1
    assert found.paid_usd_per_mtok == Decimal("0.875")


def test_nothing_known_is_unknown(app: App) -> None:
    """A call that never said what it took gives no figure, rather than 0."""
    call(app, GEMINI, None)
    found = against(app)

    assert found.tokens.so_far is found.tokens.at_this_pace is None
    assert found.usd.so_far is found.paid_usd_per_mtok is None


def test_pictures_and_retries_are_planned_as_they_are_counted(app: App) -> None:
    """The ledger's tokens hold them, so the plan's must too; the bill stays the estimate's."""
    api = EXAMPLE["api"] | {"retry_share": 0.5}  # type: ignore[operator]
    found = against(app, images_per_request=1, api=api)
    gpu = against(app, "gpu", images_per_request=1)

    # A request is 1,000 tokens of text and a picture of 1,120 at the API, 256 on the GPU.
    assert found.tokens.planned == 100_000 * 2120 * Decimal("1.5")
    assert found.planned_usd_per_mtok is not None
    assert found.planned_usd_per_mtok * found.tokens.planned / 1_000_000 == pytest.approx(
        found.usd.planned
    )
    assert gpu.tokens.planned == 100_000 * 1256


def test_the_first_day_promises_nothing(app: App) -> None:
    """An hour's work is not held up as the month's pace."""
    call(app, GEMINI, paid(MILLION_USD, usage=MILLION), "2026-11-01")
    month = plans.this_month(app, at("2026-11-01 13:00")())
    _, found = plans.against(app, EXAMPLE, "api", month)

    assert found.tokens.so_far == 1_000_000
    assert found.tokens.at_this_pace is None


def test_december_ends_with_the_year(app: App) -> None:
    """The share of a month is that of its own days, also in the last one."""
    month = plans.this_month(app, at("2026-12-31 12:00")())

    assert month.elapsed == Decimal("30.5") / 31


def test_the_side_most_calls_went_to(app: App) -> None:
    """Own models come first where they do the work."""
    assert plans.this_month(app, NOON_16TH).main_side == "api"
    call(app, OLLAMA, paid(None))

    assert plans.this_month(app, NOON_16TH).main_side == "gpu"
