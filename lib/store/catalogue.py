"""The dated tables beside this file, read once into frozen values; the only CSV reader for them."""

import csv
import functools
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

from lib.core.chat import USUAL_OPTIONS, Modality, ModelInfo, Option, Thinking
from lib.core.prices import Override, PriceList, Source

TABLES = Path(__file__).with_name("tables")
Row = TypeVar("Row")


def read_rows(name: str, make: Callable[[dict[str, str]], Row]) -> tuple[Row, ...]:
    """Every row through `make`; a wrong cell says which file and line."""
    rows: list[Row] = []
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                rows.append(make(row))
            except (ValueError, ArithmeticError, KeyError) as error:
                raise ValueError(f"{name}, line {number}: {error}") from error
    return tuple(rows)


@functools.cache
def gemini_models() -> tuple[ModelInfo, ...]:
    """Gemini models the picker lists; the first one is the default."""
    return read_rows("gemini_models.csv", _gemini_model)


@functools.cache
def prices() -> PriceList:
    """API prices: genai-prices, completed and dated by our own tables."""
    checked = read_rows("gemini_models.csv", lambda row: (row["name"], source_of(row)))
    return PriceList(read_rows("price_overrides.csv", _override), dict(checked))


# Temperature and top-p are no longer taken from 3.5 Flash-Lite on (changelog, 2026-07-21).
_GEMINI_TAKES: dict[str, frozenset[Option]] = {
    "yes": USUAL_OPTIONS | {"media_resolution"},
    "no": frozenset({"stop", "seed", "json_schema", "media_resolution"}),
}
_GEMINI_THINKING: tuple[Thinking, ...] = ("off", "low", "medium", "high")


def _gemini_model(row: dict[str, str]) -> ModelInfo:
    return ModelInfo(
        provider="gemini",
        name=row["name"],
        input=cast(tuple[Modality, ...], tuple(row["input"].split())),
        context_tokens=whole(row["context_tokens"]),
        max_output_tokens=whole(row["max_output_tokens"]),
        takes=_GEMINI_TAKES[row["sampling"]],
        thinking=_GEMINI_THINKING,
    )


def _override(row: dict[str, str]) -> Override:
    return Override(
        model=row["model"],
        tier=row["tier"],
        item=cast(Any, row["item"]),
        usd_per_mtok=Decimal(row["usd_per_mtok"]),
        valid_from=date.fromisoformat(row["valid_from"]),
        source=source_of(row),
    )


def source_of(row: dict[str, str]) -> Source:
    return Source(row["source"], date.fromisoformat(row["checked"]))


def whole(cell: str) -> int | None:
    return int(cell) if cell else None
