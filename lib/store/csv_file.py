"""CSV and TSV: the delimiter is found by counting, cells are text and stay as they are."""

import csv
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lib.core.errors import BadInput
from lib.store.cells import bounded, check_columns, unique_names
from lib.store.plain_text import TextFile
from lib.store.table import Kind, Rows, Table

DELIMITERS = (",", ";", "\t")
SAMPLE_CHARACTERS = 4_000_000
# A quote that is never closed swallows the rest of the file, at four bytes a character.
MOST_IN_CELL = 50_000_000

csv.field_size_limit(MOST_IN_CELL)


@dataclass(frozen=True, slots=True)
class CsvFile(Table):
    """Cells are texts; short records are filled up with empty ones."""

    kind: ClassVar[Kind] = "csv"
    file: TextFile
    delimiter: str
    columns: tuple[str, ...]

    def rows(self, places: Sequence[int]) -> Rows:
        for record in bounded(self._records(), len(self.columns)):
            yield tuple([record[place] for place in places])

    def _records(self) -> Iterator[list[str]]:
        width = len(self.columns)
        with self.file.open() as lines:
            records = _parsed(lines, self.delimiter)
            next(records)
            for number, (line, record) in enumerate(records, start=1):
                if len(record) > width:
                    raise BadInput(
                        f"Record {number} (up to line {line}) has {len(record):,} cells, "
                        f"but there are only {width:,} columns.",
                        "Put cells that contain the delimiter into double quotes.",
                    )
                yield record + [""] * (width - len(record))


def open_csv(file: TextFile) -> CsvFile:
    """Finds the delimiter and reads the header and the first row."""
    delimiter = _delimiter(file)
    with file.open() as lines:
        _, header = next(_parsed(lines, delimiter), (0, []))
    columns = unique_names(header)
    check_columns(columns)
    table = CsvFile(file, delimiter, columns)
    table.records(1)
    return table


def _delimiter(file: TextFile) -> str:
    """The one with several header cells and the most records as long as the header."""
    return max(DELIMITERS, key=lambda delimiter: _fitting(file, delimiter))


def _fitting(file: TextFile, delimiter: str) -> int:
    """How many sampled records fit the header; -1 when that is a single cell."""
    with file.open() as lines:
        records = csv.reader(_first(lines), delimiter=delimiter)
        width, fitting = 0, 0
        try:
            for record in records:
                width = width or len(record)
                fitting += len(record) == width and width > 0
        except csv.Error:  # What is wrong is said when the records are read in earnest.
            pass
    return fitting if width > 1 else -1


def _first(lines: Iterable[str]) -> Iterator[str]:
    read = 0
    for line in lines:
        yield line
        read += len(line)
        if read > SAMPLE_CHARACTERS:
            return


def _parsed(lines: Iterable[str], delimiter: str) -> Generator[tuple[int, list[str]], None, None]:
    """Each record that is not blank, with the number of its last line.

    The reader hands out a record before it asks for the next line, unless a quote is still open.
    """
    ended = False

    def marked() -> Iterator[str]:
        nonlocal ended
        yield from lines
        ended = True

    reader = csv.reader(marked(), delimiter=delimiter)
    try:
        for record in reader:
            if ended:
                raise _unclosed(reader.line_num - _lines(record[-1]) + 1)
            if record:
                yield reader.line_num, record
    except csv.Error:
        raise BadInput(
            f"A cell up to line {reader.line_num} has more than {MOST_IN_CELL:,} characters.",
            "Look for a double quote that is never closed.",
        ) from None


def _lines(cell: str) -> int:
    """How many lines of the file the cell lies on, when it reaches up to the end of the file."""
    ends = cell.count("\n") + cell.count("\r") - cell.count("\r\n")
    return max(1, ends + (not cell.endswith(("\n", "\r"))))


def _unclosed(line: int) -> BadInput:
    return BadInput(
        f"A double quote opened in line {line} is never closed.",
        "Close it, or write a quote inside a quoted cell twice.",
    )
