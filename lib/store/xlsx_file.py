"""XLSX sheets, streamed row by row; the first row with anything in it names the columns."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from lib.core.errors import BadInput, TooLarge
from lib.store.archive_bounds import MOST_BYTES, broken_is_bad_input
from lib.store.cells import (
    MOST_COLUMNS,
    MOST_ROWS,
    bounded,
    cell_text,
    check_columns,
    hours,
    iso,
    no_columns,
    too_many_rows,
    unique_names,
)
from lib.store.table import Kind, Rows, Table
from lib.store.xlsx_parts import Workbook, elements, read_texts, read_workbook, text_of, unescaped

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_WHAT = "The workbook"


@dataclass(frozen=True, slots=True)
class XlsxSheet(Table):
    """Cells are texts, whole numbers, floats and booleans; dates are ISO 8601 texts."""

    kind: ClassVar[Kind] = "xlsx"
    path: Path
    workbook: Workbook = field(repr=False)
    title: str
    columns: tuple[str, ...]
    sheets: tuple[str, ...]

    def rows(self, places: Sequence[int]) -> Rows:
        filled = self._filled()
        for row in bounded(filled, len(self.columns)):
            yield tuple([row[place] for place in places])

    def text(self, value: Any) -> str | None:
        """Booleans as a sheet shows them."""
        return str(value).upper() if isinstance(value, bool) else cell_text(value)

    def _filled(self) -> Iterator[list[Any]]:
        """Rows as wide as the header. Empty ones count when another one follows."""
        width = len(self.columns)
        numbered = _sheet_rows(self.path, self.workbook, self.title)
        last = next(numbered)[0]
        for number, row in numbered:
            if number - last > MOST_ROWS:
                raise too_many_rows()
            if len(row) > width:
                raise BadInput(
                    f"Row {number} of the sheet has more cells than the header.",
                    "Give every column a name in the first row.",
                )
            for _ in range(last + 1, number):
                yield [None] * width
            yield row + [None] * (width - len(row))
            last = number


def open_xlsx(path: Path, sheet: str | None) -> XlsxSheet:
    """The sheet of that title, default the first worksheet. Raises BadInput."""
    with broken_is_bad_input(_WHAT), ZipFile(path) as archive:
        workbook = read_workbook(archive)
    titles = tuple(workbook.sheets)
    title = titles[0] if sheet is None else sheet
    if title not in workbook.sheets:
        known = ", ".join(repr(name) for name in titles[:50])
        raise BadInput(f"There is no sheet {title!r} in the workbook.", f"Its sheets are {known}.")
    _, header = next(_sheet_rows(path, workbook, title), (0, []))
    if not header:
        raise no_columns()
    columns = unique_names(cell_text(name) or "" for name in header)
    check_columns(columns)
    table = XlsxSheet(path, workbook, title, columns, titles)
    table.records(1)
    return table


def _sheet_rows(path: Path, book: Workbook, title: str) -> Iterator[tuple[int, list[Any]]]:
    """Number and cells of every row that is not empty, without the empty cells at its end."""
    with broken_is_bad_input(_WHAT), ZipFile(path) as archive:
        texts: list[str] = []
        if book.texts:
            with archive.open(book.texts) as file:
                texts = read_texts(file)
        with archive.open(book.sheets[title]) as file:
            number = characters = 0
            for element in elements(file, "row", "sheetData"):
                given = int(element.get("r", number + 1))
                if given <= number:
                    raise BadInput(f"Row {given} comes twice in the sheet.", "Save it again.")
                number = given
                if row := _cells(element, book, texts):
                    # A shared text is in the file once, however many rows say it.
                    characters += sum(len(cell) for cell in row if isinstance(cell, str))
                    if characters > MOST_BYTES:
                        raise TooLarge("The sheet's texts are more than 1 GB.", "Split it.")
                    yield number, row


def _cells(row: Element, book: Workbook, texts: list[str]) -> list[Any]:
    cells: list[Any] = []
    column = 0
    for element in row:
        letters = element.get("r", "").rstrip("0123456789")
        column = column_index_from_string(letters) if letters else column + 1
        value = _value(element, book, texts)
        if value is None or value == "":
            continue
        if column > MOST_COLUMNS:
            raise ValueError("no sheet is so wide")
        cells.extend([None] * (column - len(cells)))
        cells[column - 1] = value
    return cells


def _value(cell: Element, book: Workbook, texts: list[str]) -> Any:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find("{*}is")
        return None if inline is None else text_of(inline)
    stored = cell.findtext("{*}v")
    if not stored:
        return None
    if kind == "s":
        return texts[int(stored)]
    if kind == "b":
        return stored.strip() in ("1", "true")
    if kind == "n":
        return _number(stored.strip(), cell, book)
    return unescaped(stored)


def _number(stored: str, cell: Element, book: Workbook) -> Any:
    style = book.styles.get(int(cell.get("s", "0")))
    number = int(stored) if _WHOLE.fullmatch(stored) else float(stored)
    if style:
        return _moment(number, book, style.date_only, style.duration)
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return int(number)
    return number


def _moment(number: float, book: Workbook, date_only: bool, duration: bool) -> Any:
    """ISO 8601, or the number itself where no calendar reaches."""
    try:
        found = from_excel(number, MAC_EPOCH if book.from_1904 else WINDOWS_EPOCH, duration)
    except (OverflowError, ValueError):
        return number
    if isinstance(found, timedelta):
        return hours(found)
    if date_only and isinstance(found, datetime):
        found = found.date()
    return iso(found)
