"""Parquet: types are kept, rows come in small batches."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from lib.store.archive_bounds import broken_is_bad_input
from lib.store.cells import bounded, check_columns, unique_names
from lib.store.parquet_bounds import BATCH, check_parquet
from lib.store.table import Kind, Rows, Table

LINES = (b"\t", b"\n", b"\r")


@dataclass(frozen=True, slots=True)
class ParquetTable(Table):
    """Cells are what Python has for the column's type."""

    kind: ClassVar[Kind] = "parquet"
    path: Path
    columns: tuple[str, ...]

    def rows(self, places: Sequence[int]) -> Rows:
        yield from bounded(self._cells(places), len(self.columns))

    def schema(self) -> Any:
        with broken_is_bad_input("The Parquet file"), pq.ParquetFile(self.path) as file:
            return file.schema_arrow

    def batches(self) -> Generator[Any, None, None]:
        """Record batches of at most `BATCH` rows with every column."""
        with broken_is_bad_input("The Parquet file"), pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(BATCH, use_threads=False)

    def _cells(self, places: Sequence[int]) -> Rows:
        for batch in self.batches():
            with broken_is_bad_input("A value in the Parquet file"):
                cells = [_values(batch.column(place)) for place in places]
            for number in range(batch.num_rows):
                yield tuple([column[number] for column in cells])


def _values(array: Any) -> list[Any]:
    """What Python has for the values, else texts (the year 12345), else bytes (no UTF-8)."""
    for kind in (array.type, pa.string()):
        try:
            return list(array.cast(kind).to_pylist())
        except (ArithmeticError, ValueError, NotImplementedError):
            continue
    return list(array.cast(pa.binary()).to_pylist())


def is_parquet(path: Path) -> bool:
    """A text may begin with the same four letters, but then another letter follows."""
    with path.open("rb") as file:
        head = file.read(5)
    return head.startswith((b"PAR1", b"PARE")) and head[4:] < b"\x20" and head[4:] not in LINES


def open_parquet(path: Path) -> ParquetTable:
    """Reads the file once to know its bounds. Raises BadInput or TooLarge."""
    with broken_is_bad_input("The Parquet file"):
        check_parquet(path)
        with pq.ParquetFile(path) as file:
            columns = unique_names(file.schema_arrow.names)
    check_columns(columns)
    table = ParquetTable(path, columns)
    table.records(1)
    return table
