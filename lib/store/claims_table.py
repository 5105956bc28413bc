"""The guide's claims: the table read once, and its values computed for a day."""

import functools
import re
from datetime import date
from decimal import Decimal

from lib.core.claims import Claim, ClaimRow, Value, recompute
from lib.core.prices import PriceList, Source
from lib.store.catalogue import read_rows

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def claims(prices: PriceList, on: date) -> tuple[Claim, ...]:
    """Every claim and assumption in the table's order, at the prices valid on the day."""
    return recompute(rows(), prices, on)


@functools.cache
def rows() -> tuple[ClaimRow, ...]:
    """The rows of claims.csv; ValueError names the line of a wrong cell."""
    return read_rows("claims.csv", _row)


def _row(row: dict[str, str]) -> ClaimRow:
    return ClaimRow(
        table=row["table"],
        row=row["row"],
        claim=row["claim"],
        unit=row["unit"],
        claimed=_value(row["claimed"]),
        formula=row["formula"],
        inputs=dict(_pair(item) for item in row["inputs"].split()),
        found=_value(row["found"]),
        assumption=row["assumption"],
        verdict=row["verdict"],
        why=row["why"],
        source=Source(row["source"], date.fromisoformat(row["checked"])),
    )


def _value(cell: str) -> Value:
    """A plain number is a number, an empty cell nothing; dates, ranges and words stay text."""
    return Decimal(cell) if _NUMBER.fullmatch(cell) else cell or None


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals:
        raise ValueError(f"inputs: «{item}» is not name=value")
    return name, value
