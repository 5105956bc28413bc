"""The guide's claims are computed from the day's prices, and answered as plain JSON."""

import json
from datetime import date
from decimal import Decimal

import pytest

from lib.core.claims import FORMULAS, ClaimRow, as_answer, recompute
from lib.core.prices import Source
from lib.store import catalogue

TODAY = date(2026, 11, 22)
PRICES = catalogue.prices()
SOURCE = Source("https://example.com/price", TODAY)
MODEL = "gemini-3.1-flash-lite"


def row(**cells) -> ClaimRow:
    defaults = {
        "table": "t", "row": "r", "claim": "c", "unit": "usd", "claimed": Decimal(7),
        "formula": "", "inputs": {}, "found": None, "assumption": "", "verdict": "wrong",
        "why": "off", "source": SOURCE,
    }  # fmt: skip
    return ClaimRow(**{**defaults, **cells})


def bill(model: str = MODEL, **cells) -> ClaimRow:
    inputs = {"model": model, "tokens": "100000000", "input_share": "0.5"}
    return row(formula="api_bill", inputs=inputs, **cells)


def test_a_bill_follows_the_price_of_the_day():
    """The same row costs double when its model's price doubles at New Year."""
    rows = [bill("gemini-3.8-flash")]
    [before] = recompute(rows, PRICES, date(2026, 12, 31))
    [after] = recompute(rows, PRICES, date(2027, 1, 2))

    assert after.recomputed == 2 * before.recomputed


def test_a_claim_without_a_price_is_unverified():
    """A model nobody knows the price of gives no value, and no verdict that needs one."""
    [claim] = recompute([bill("gemini-none", why="{times}x too low")], PRICES, TODAY)

    assert claim.recomputed is None
    assert claim.verdict == "unverified"
    assert "no price" in claim.why


def test_reasons_hold_computed_figures():
    """The distance between claimed and recomputed in a reason is computed, not typed in."""
    own = {"api_usd": "50", "own_usd": "182.5"}
    rows = [
        bill(why="{times}x too low"),
        row(claimed="35-50", formula="ratio", inputs=own, why="{inverse}x dearer"),
    ]
    claims = recompute(rows, PRICES, TODAY)

    assert [claim.why for claim in claims] == ["12.5x too low", "3.7x dearer"]


@pytest.mark.parametrize(
    ("claimed", "times"), [("7", "12.5"), ("0.03", "2,917"), ("87.5", "1"), ("875", "10")]
)
def test_distances_read_like_a_sentence(claimed: str, times: str):
    """A distance has one decimal at most, none when large, and counts both ways."""
    [claim] = recompute([bill(claimed=Decimal(claimed), why="{times}x")], PRICES, TODAY)

    assert claim.why == f"{times}x"


def test_a_sourced_fact_stays_as_it_is():
    """A row without formula gives what the table found, with no formula in words."""
    [claim] = recompute([row(claimed="2026-03-03", found="2026-03-03")], PRICES, TODAY)

    assert claim.recomputed == "2026-03-03"
    assert claim.formula == ""


def test_an_unknown_formula_is_loud():
    """A mistyped formula is an error, never an empty cell."""
    with pytest.raises(KeyError):
        recompute([row(formula="api_bil")], PRICES, TODAY)


def test_the_answer_is_plain_json():
    """Numbers are JSON numbers, whole ones without a point, text is text, nothing is null."""
    rows = [
        bill(claimed=Decimal("7.00"), assumption="50/50"),
        row(claimed="35-50", found=Decimal("1048576"), unit=""),
        row(claimed="yes"),
    ]
    answer = json.loads(json.dumps(as_answer(recompute(rows, PRICES, TODAY))))
    first, second, third = answer["claims"]

    assert first == {
        "table": "t", "row": "r", "claim": "c", "unit": "usd", "claimed": 7, "recomputed": 87.5,
        "formula": "tokens × (input share × input price + output share × output price)",
        "assumption": "50/50", "verdict": "wrong", "why": "off",
        "source": "https://example.com/price", "checked": "2026-11-22",
    }  # fmt: skip
    assert (second["claimed"], second["recomputed"], second["unit"]) == ("35-50", 1048576, None)
    assert isinstance(second["recomputed"], int)
    assert (third["recomputed"], third["formula"], third["assumption"]) == (None, None, None)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_every_formula_is_written_in_words(name: str):
    """The page can show each formula as one sentence without code in it."""
    words = FORMULAS[name].__doc__

    assert words
    assert "\n" not in words
    assert "_" not in words


def test_rent_per_million_tokens():
    """$2 an hour at 95 tokens a second is $5.85 per million, not $0.002."""
    value = FORMULAS["rent_per_mtok"](usd_per_hour=Decimal(2), tok_s=Decimal(95))

    assert value == pytest.approx(Decimal("5.848"), abs=Decimal("0.001"))


def test_ratios_have_two_digits():
    """A ratio pretends no more precision than the guide's «35-50x»."""
    ratio = FORMULAS["ratio"]

    assert ratio(api_usd=Decimal(7), own_usd=Decimal("3.60")) == Decimal("1.9")
    assert ratio(api_usd=Decimal(5250), own_usd=Decimal(146)) == 36
