"""JSONL: an object on every line, kept as the file writes it."""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from lib.core.errors import BadInput, TooLarge
from lib.store.cells import (
    MOST_COLUMNS,
    Digits,
    bounded,
    check_columns,
    json_text,
    mended,
    no_columns,
)
from lib.store.plain_text import TextFile
from lib.store.table import Kind, Rows, Table

MOST_NESTED = 100
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_HINT = "Write one JSON object per line, without NaN or Infinity."


@dataclass(frozen=True, slots=True)
class JsonlFile(Table):
    """Cells are what JSON has; numbers with a fraction are Digits. `columns` are all keys."""

    kind: ClassVar[Kind] = "jsonl"
    file: TextFile
    columns: tuple[str, ...]

    def rows(self, places: Sequence[int]) -> Rows:
        names = [self.columns[place] for place in places]
        for _, record in bounded(_objects(self.file), len(self.columns)):
            yield tuple(map(record.get, names))

    def lines(self) -> Iterator[str]:
        """Every object as the file writes it."""
        for line, _ in bounded(_objects(self.file), len(self.columns)):
            yield line


def open_jsonl(file: TextFile) -> JsonlFile:
    """Reads the whole file once, since any line may bring a new key."""
    columns: dict[str, None] = {}
    for _, record in bounded(_objects(file), 1):
        columns.update(dict.fromkeys(record))
        if len(columns) > MOST_COLUMNS:
            raise TooLarge(f"The lines have more than {MOST_COLUMNS:,} different keys.")
    if not columns:
        raise no_columns()
    check_columns(tuple(columns))
    return JsonlFile(file, tuple(columns))


def _objects(file: TextFile) -> Generator[tuple[str, dict[str, Any]], None, None]:
    with file.open() as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip(" \t\r\n")
            if text:
                yield text, _object(text, number)


def _object(text: str, number: int) -> dict[str, Any]:
    try:
        record = _read(text)
        if _too_deep(text, record):
            raise RecursionError
        if _HALF_PAIR.search(text):  # UTF-8 cannot carry half a pair, JSON escapes can.
            record = _read(mended(json_text(record)))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"Line {number} {_reason(error)}.", _HINT) from None
    if not isinstance(record, dict):
        raise BadInput(f"Line {number} is not a JSON object.", _HINT)
    return record


def _too_deep(text: str, record: Any) -> bool:
    if text.count("[") + text.count("{") <= MOST_NESTED:
        return False
    level = [record]
    for _ in range(MOST_NESTED):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not valid JSON (character {error.colno})"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, _NoNumber):
        return "holds NaN or Infinity, which JSON does not have"
    return "holds a whole number of more than 4,300 digits"


class _NoNumber(ValueError):
    pass


def _refuse(_: str) -> NoReturn:
    raise _NoNumber


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Digits, parse_constant=_refuse)
