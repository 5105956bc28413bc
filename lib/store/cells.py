"""What a cell of any table is as text and as JSON, and the bounds every table keeps."""

import json
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from lib.core.errors import BadInput, TooLarge

MOST_ROWS = 1_000_000
MOST_COLUMNS = 16_384  # what a sheet holds
MOST_CELLS = 100_000_000  # short records are filled up, so a small file may stand for many cells
Row = TypeVar("Row")
_quoted = json.JSONEncoder(ensure_ascii=False).encode


class Digits(str):
    """A number with a fraction, as the file writes it: no float loses its last digits."""

    __slots__ = ()


def cell_text(value: Any) -> str | None:
    """A text as it is, None for nothing, numbers in plain digits, the rest as compact JSON."""
    plain = _plain(value)
    if plain is None or isinstance(plain, str):
        return plain
    text = json_text(plain)
    return None if text == "null" else text


def json_text(value: Any) -> str:
    """Compact JSON of anything a table holds. Numbers that are none become null.

    Dates and times are ISO 8601, durations h:mm:ss, bytes text if they are UTF-8, else base64.
    """
    if isinstance(value, Digits):
        return value
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else "null"
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{json_text(cell)}" for key, cell in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    return _quoted(_plain(value))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | Decimal | dict | list | tuple):
        return value
    if isinstance(value, datetime | date | time):
        return iso(value)
    if isinstance(value, timedelta):
        return hours(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return b64encode(value).decode()
    return str(value)


def _key(key: Any) -> str:
    return _quoted(key if isinstance(key, str) else cell_text(key) or "")


def iso(value: datetime | date | time) -> str:
    """ISO 8601, with a fraction of a second only where there is one."""
    text = value.isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return text
    head, point, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    fraction = digits.rstrip("0")
    return (
        f"{head}{point}{fraction}{rest[len(digits) :]}" if fraction else head + rest[len(digits) :]
    )


def hours(value: timedelta) -> str:
    """A duration as a sheet shows it, e.g. 36:30:00."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = value.days * 86400 + value.seconds
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def mended(text: str) -> str:
    """The text with halves of surrogate pairs joined, and lone ones replaced: UTF-8 has none."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """A repeated name gets _2, _3, but never one that another column has already."""
    originals = list(names)
    taken, last, unique = set(originals), dict[str, int](), []
    for name in originals:
        new, number = name, last.get(name, 0) + 1
        while number > 1 and new in taken:
            new, number = f"{name}_{number}", number + 1
        last[name] = max(1, number - 1)
        taken.add(new)
        unique.append(new)
    return tuple(unique)


def check_columns(columns: Sequence[str]) -> None:
    if not columns:
        raise no_columns()
    if len(columns) > MOST_COLUMNS:
        raise TooLarge(f"The file has more than {MOST_COLUMNS:,} columns.", "Leave some out.")


def bounded(rows: Iterable[Row], columns: int) -> Iterator[Row]:
    """The rows; TooLarge past the bounds, BadInput at the end when there was none."""
    most = min(MOST_ROWS, MOST_CELLS // max(columns, 1))
    number = 0
    for number, row in enumerate(rows, start=1):
        if number > most:
            raise too_many_rows(most)
        yield row
    if not number:
        raise BadInput("The file has no rows.", "Send a file with at least one row of data.")


def too_many_rows(most: int = MOST_ROWS) -> TooLarge:
    return TooLarge(f"The file has more than {most:,} rows.", "Split it into several files.")


def no_columns() -> BadInput:
    return BadInput("The file has no columns.", "The first line must name the columns.")


def exact_number(value: Any) -> int | float | None:
    """The value as a number that a float holds without loss, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Digits):
        return None
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    near = float(value)
    try:
        exact = math.isfinite(near) and Decimal(repr(near)) == Decimal(value)
    except ArithmeticError:  # An exponent no Decimal reaches.
        return None
    return near if exact else None
