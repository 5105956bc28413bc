"""Cells a spreadsheet can open without harm: no formulas, nothing XML cannot carry."""

import re
from typing import Any

from lib.store.cells import cell_text, exact_number

MOST_IN_CELL = 32_767  # UTF-16 units, as Excel counts
_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_LINE_END = re.compile("\r\n?")


def guarded(text: str) -> str:
    """With a leading ' where a spreadsheet would take the text for a formula."""
    if text.startswith(_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def sheet_text(text: str) -> str:
    """Guarded, without control characters, lines ended by LF, cut at `MOST_IN_CELL`."""
    text = _LINE_END.sub("\n", guarded(_NOT_IN_XML.sub("", text)))
    text = _LIKE_ESCAPE.sub("_x005F_", text)
    if len(text) * 2 <= MOST_IN_CELL:
        return text
    return text.encode("utf-16-le")[: MOST_IN_CELL * 2].decode("utf-16-le", "ignore")


def sheet_cell(value: Any) -> str | int | float | bool | None:
    """Numbers and booleans stay such where a sheet holds them exactly; the rest is text."""
    if isinstance(value, bool):
        return value
    number = exact_number(value)
    if number is not None:
        return number
    text = cell_text(value)
    return None if text is None else sheet_text(text)
