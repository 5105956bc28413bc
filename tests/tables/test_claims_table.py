"""The table of the guide's claims is whole, and computes what was worked out by hand."""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from inspect import signature

import pytest

from lib.core.claims import FORMULAS, OneStream
from lib.core.prices import Price
from lib.store import catalogue
from lib.store.claims_table import claims, rows

CLAIMS = claims(catalogue.prices(), date(2026, 11, 22))
VERDICTS = {
    "right", "partly right", "plausible", "low", "high", "unsupported", "unverified",
    "impossible", "wrong",
}  # fmt: skip

# By (table, row, claim): one figure per assumption in the table's order, worked out by hand from
# the sources of 2026-11-22.
EXPECTED = {
    ("specs", "position", "Google's cheapest production model"): ["0.10/0.40"],
    ("speed", "Gemini 3.1 Flash Lite (API)", "input price"): [0.25],
    ("speed", "Gemini 3.1 Flash Lite (API)", "output price"): [1.5],
    ("speed", "Gemma 3 4B", "cost at $2/h"): [5.85, 2.849],
    ("speed", "Gemma 3 4B", "cost (guide: at $2/h)"): [0.484, 0.285],
    ("speed", "Qwen3.5 7B", "cost at $2/h"): [7.12, 4.055],
    ("speed", "Qwen3.5 7B", "cost (guide: at $2/h)"): [0.689, 0.406],
    ("speed", "Gemma 3 12B", "cost at $2/h"): [10.1, 5.974],
    ("speed", "Gemma 3 12B", "cost (guide: at $2/h)"): [1.016, 0.597],
    ("speed", "Gemma 3 27B", "cost at $2/h"): [17.36, 11.82],
    ("speed", "Gemma 3 27B", "cost (guide: at $2/h)"): [2.009, 1.182],
    ("local", "qwen3.5:7b", "speed on an RTX 3080"): [102.0],
    ("cost_estimator", "10M tokens", "Google API cost per month"): [8.75, 5.0, 3.75, 3.13],
    ("cost_estimator", "100M tokens", "Google API cost per month"): [87.5, 50.0, 37.5, 31.25],
    ("cost_estimator", "1B tokens", "Google API cost per month"): [875.0, 500.0, 375.0, 312.5],
    ("cost_estimator", "10M tokens", "Clore cost, 50 h of RTX 3060"): [12.5],
    ("cost_estimator", "10M tokens", "Clore hours for Gemma 3 4B"): [16.0],
    ("cost_estimator", "100M tokens", "Clore cost, continuous RTX 3060"): [182.5],
    ("cost_estimator", "1B tokens", "Clore cost, continuous RTX 3060"): [182.5],
    ("cost_estimator", "1B tokens", "one RTX 3060 serves 1B a month (Gemma 3 4B)"): [451.0],
    ("cost_estimator", "note below the table", "self-hosting wins above"): [209.0, 365.0, 584.0],
    ("conclusion", "35-50x cheaper above 100M", "ratio in the guide's own 10M row"): [2.4],
    ("conclusion", "35-50x cheaper above 100M", "ratio in the guide's own 100M row"): [1.9],
    ("conclusion", "35-50x cheaper above 100M", "ratio in the guide's own 1B row"): [2.7],
    ("conclusion", "35-50x cheaper above 100M", "API cost / self-hosted cost at 100M"): [
        0.48,
        0.27,
    ],
    ("conclusion", "35-50x cheaper above 100M", "API cost / self-hosted cost at 6.0B"): [36.0],
    ("usage_log", "estimated_cost_usd", "price per total token"): [0.875, 0.3125],
    ("batch", "batch_classify", "cost per 1000 texts"): [0.014],
}


def by_key() -> dict[tuple[str, str, str], list[object]]:
    found = defaultdict(list)
    for row, claim in zip(rows(), CLAIMS, strict=True):
        if row.formula:
            found[claim.table, claim.row, claim.claim].append(claim.recomputed)
    return found


def test_every_computed_row_is_expected():
    """No computed row escapes the comparison with the hand-made figures."""
    assert set(by_key()) == set(EXPECTED)


@pytest.mark.parametrize("key", EXPECTED, ids="/".join)
def test_computed_values_come_within_two_percent(key: tuple[str, str, str]):
    """What the code computes is what was worked out by hand, to 2 %."""
    found, expected = by_key()[key], EXPECTED[key]

    assert len(found) == len(expected)
    for value, wanted in zip(found, expected, strict=True):
        if isinstance(value, Decimal):
            assert float(value) == pytest.approx(wanted, rel=0.02)
        else:
            assert value == wanted


def test_verdicts_are_of_the_list():
    """A verdict is one of the words other programs know."""
    assert {claim.verdict for claim in CLAIMS} <= VERDICTS


def test_rows_name_formulas_and_their_inputs():
    """A computed row names a formula and exactly the inputs that formula takes."""
    for row in rows():
        if not row.formula:
            assert not row.inputs
            continue
        wanted = set(signature(FORMULAS[row.formula]).parameters)
        if "stream" in wanted:
            wanted = wanted - {"stream"} | set(signature(OneStream).parameters)
        given = {"api" if name == "model" else name for name in row.inputs}

        assert given == wanted
        assert row.found is None


def test_a_value_is_computed_wherever_it_can_be():
    """Money is computed, never typed in; rents seen on a marketplace are the exception."""
    money = [row for row in rows() if row.unit.startswith("usd") and row.table != "gpu_price"]

    assert money
    assert all(row.formula for row in money)


def test_no_claim_and_assumption_is_there_twice():
    """Each claim stands once under each assumption."""
    keys = [(c.table, c.row, c.claim, c.assumption) for c in CLAIMS]

    assert len(keys) == len(set(keys))


def test_every_table_of_the_guide_is_judged():
    """All the guide's figures are there, from its specifications to its batch costs."""
    tables = {claim.table for claim in CLAIMS}

    assert tables == {
        "specs", "speed", "local", "gpu_price", "cost_estimator", "conclusion", "usage_log", "batch"
    }  # fmt: skip


def test_verdicts_agree_with_the_figures():
    """A right figure is within 5 % of the recomputed one; a low, high or wrong one is not."""
    for claim in CLAIMS:
        if not isinstance(claim.claimed, Decimal) or not isinstance(claim.recomputed, Decimal):
            continue
        off = claim.claimed / claim.recomputed - 1
        if claim.verdict == "right":
            assert abs(off) < Decimal("0.05")
        if claim.verdict in ("low", "high"):
            assert (off < 0) == (claim.verdict == "low")
        if claim.verdict in ("low", "high", "wrong"):
            assert abs(off) > Decimal("0.05")


def test_reasons_have_no_holes():
    """Every claim says why in a finished sentence."""
    for claim in CLAIMS:
        assert claim.why
        assert "{" not in claim.why


def test_guides_bill_for_a_hundred_million_tokens():
    """The guide's $7.00 is off by 12.5, and the page can show with which formula."""
    [claim] = [
        c for c in CLAIMS
        if (c.row, c.claim) == ("100M tokens", "Google API cost per month")
        and c.assumption.startswith("50/50")
    ]  # fmt: skip

    assert (claim.claimed, claim.recomputed) == (7, Decimal("87.5"))
    assert claim.why.startswith("12.5x too low")
    assert claim.formula.startswith("tokens ×")


def test_prices_are_asked_of_the_price_list():
    """No Gemini price stands in the inputs of a row; the list gives them for the day."""
    for row in rows():
        takes_api = row.formula and signature(FORMULAS[row.formula]).parameters.get("api")

        assert bool(takes_api and takes_api.annotation is Price) == ("model" in row.inputs)


def test_csv_is_plain():
    """The table has the columns its reader knows, no more and no fewer."""
    with (catalogue.TABLES / "claims.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))

    assert header == [
        "table", "row", "claim", "unit", "claimed", "formula", "inputs", "found", "assumption",
        "verdict", "why", "source", "checked",
    ]  # fmt: skip
