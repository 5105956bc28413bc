"""The dated tables are whole, and today's prices are the ones somebody compared with the source."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.chat import Usage
from lib.store import catalogue

MTOK = 1_000_000
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW_YEAR = datetime(2027, 1, 1, 12, tzinfo=UTC)
FLASH_LITE = "gemini-3.1-flash-lite"
TABLES = sorted(catalogue.TABLES.glob("*.csv"))
KEYS = {
    "gemini_models.csv": ("name",),
    "price_overrides.csv": ("model", "tier", "item", "valid_from"),
}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def known(name: str) -> list[dict[str, str]]:
    return read(catalogue.TABLES / name)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_rows_are_whole_and_sourced(path: Path):
    """Every row has every cell's column, a web page as source and the day it was compared."""
    rows = read(path)

    assert rows
    for row in rows:
        assert None not in row
        assert None not in row.values()
        assert all(cell == cell.strip() for cell in row.values())
        assert row["source"].startswith("https://")
        assert date(2026, 1, 1) <= date.fromisoformat(row["checked"]) <= date.today()


@pytest.mark.parametrize("path", [p for p in TABLES if p.name in KEYS], ids=lambda p: p.name)
def test_no_row_is_there_twice(path: Path):
    """A key stands once on a day, so a price never depends on the order of rows."""
    keys = [tuple(row[column] for column in KEYS[path.name]) for row in read(path)]

    assert len(keys) == len(set(keys))


def test_models_are_well_formed():
    """A listed model reads text, has positive limits or none, and says if it takes sampling."""
    for row in known("gemini_models.csv"):
        limits = [row[name] for name in ("context_tokens", "max_output_tokens") if row[name]]

        assert all(int(limit) > 0 for limit in limits)
        assert "text" in row["input"].split()
        assert set(row["input"].split()) <= {"text", "image", "audio", "video", "pdf"}
        assert row["sampling"] in ("yes", "no")


def test_override_rows_are_well_formed():
    """An override is a positive price of a known item and tier of a listed model, valid by now."""
    models = {row["name"] for row in known("gemini_models.csv")}
    for row in known("price_overrides.csv"):
        assert row["model"] in models
        assert row["tier"] in ("flex", "priority")
        assert row["item"] in ("input", "input_audio", "output", "cached")
        assert 0 < Decimal(row["usd_per_mtok"]) < 1000
        assert date.fromisoformat(row["valid_from"]) <= date.fromisoformat(row["checked"])


def test_every_listed_model_has_a_price():
    """The picker lists no API model whose price nobody knows."""
    for info in catalogue.gemini_models():
        price = catalogue.prices().price(info.name, NOON.date())

        assert price is not None
        assert price.source.url.startswith("https://")


@pytest.mark.parametrize(
    ("model", "on", "input_usd", "output_usd"),
    [
        (FLASH_LITE, NOON, "0.25", "1.50"),
        ("gemini-3.5-flash-lite", NOON, "0.30", "2.50"),
        ("gemini-2.5-flash-lite", NOON, "0.10", "0.40"),
        ("gemini-3.6-flash", NOON, "0.75", "3.75"),
        ("gemini-3.8-flash", NOON, "0.75", "3.75"),
        ("gemini-3.6-flash", NEW_YEAR, "1.50", "7.50"),
        ("gemini-3.8-flash", NEW_YEAR, "1.50", "7.50"),
        (FLASH_LITE, NEW_YEAR, "0.25", "1.50"),
    ],
)
def test_standard_prices_are_the_published_ones(
    model: str, on: datetime, input_usd: str, output_usd: str
):
    """A million tokens in and out cost what Google's price page says for that day."""
    prices = catalogue.prices()
    price = prices.price(model, on.date())

    assert price is not None
    assert price.input_usd_per_mtok == Decimal(input_usd)
    assert price.output_usd_per_mtok == Decimal(output_usd)
    assert prices.cost(Usage(MTOK, 0, 0, 0), model, on) == Decimal(input_usd)
    assert prices.cost(Usage(0, MTOK, 0, 0), model, on) == Decimal(output_usd)


@pytest.mark.parametrize(
    ("tier", "parts"),
    [
        ("standard", ("0.25", "0.50", "1.50", "0.025")),
        ("flex", ("0.125", "0.25", "0.75", "0.0125")),
        ("priority", ("0.45", "0.90", "2.70", "0.045")),
    ],
)
def test_every_part_has_its_own_rate(tier: str, parts: tuple[str, ...]):
    """Text, sound, output and cached tokens of 3.1 Flash-Lite each cost their tier's own rate."""
    usages = (
        Usage(MTOK, 0, 0, 0),
        Usage(MTOK, 0, 0, 0, MTOK),
        Usage(0, MTOK, 0, 0),
        Usage(MTOK, 0, 0, MTOK),
    )
    costs = [catalogue.prices().cost(usage, FLASH_LITE, NOON, tier) for usage in usages]

    assert costs == [Decimal(part) for part in parts]


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("gemini-nobody-knows", "standard"),
        ("", "standard"),
        ("gpt-5-nano", "standard"),
        (f"models/{FLASH_LITE}", "standard"),
        (FLASH_LITE, "gold"),
        (FLASH_LITE, ""),
        ("gemini-3.6-flash", "flex"),
        ("gemini-nobody-knows", "priority"),
    ],
)
def test_an_unknown_price_is_none(model: str, tier: str):
    """A model or tier nobody knows the price of costs None, never 0 and never a neighbour's."""
    cost = catalogue.prices().cost(Usage(1000, 1000, 0, 0), model, NOON, tier)

    assert cost is None


def test_a_price_has_its_first_day():
    """Before the day an override is valid from, its price is unknown."""
    before = datetime(2026, 5, 6, 12, tzinfo=UTC)
    cost = catalogue.prices().cost(Usage(1000, 0, 0, 0), FLASH_LITE, before, "flex")

    assert cost is None
