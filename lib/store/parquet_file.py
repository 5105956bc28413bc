"""Parquet: types are kept, rows come in small batches."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lib.core.errors import BadInput
from lib.store.archive_bounds import broken_is_bad_input
from lib.store.cells import bounded, check_columns, unique_names
from lib.store.parquet_bounds import BATCH, check_parquet
from lib.store.table import Kind, Rows, Table

_NOT_IN_PYTHON = (ArithmeticError, ValueError, NotImplementedError)
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
    try:
        return list(array.to_pylist())
    except _NOT_IN_PYTHON:
        return [_value(scalar) for scalar in array]


def _value(scalar: Any) -> Any:
    """What Python has for the value, else text (the year 12345), else bytes (no UTF-8)."""
    try:
        return scalar.as_py()
    except _NOT_IN_PYTHON:
        kind = scalar.type
        if not pa.types.is_timestamp(kind) and not pa.types.is_date(kind):
            return scalar.cast(pa.binary()).as_py()
        unit: Any = getattr(kind, "unit", "D" if pa.types.is_date32(kind) else "ms")
        return str(np.datetime64(scalar.value, unit))


def is_parquet(path: Path) -> bool:
    """A text may begin with the same four letters, but then another letter follows."""
    with path.open("rb") as file:
        head = file.read(5)
    return head.startswith((b"PAR1", b"PARE")) and head[4:] < b"\x20" and head[4:] not in LINES


def open_parquet(path: Path) -> ParquetTable:
    """Reads the file once in a process of its own. Raises BadInput or TooLarge."""
    with broken_is_bad_input("The Parquet file"):
        with path.open("rb") as data:
            data.seek(-4, SEEK_END)
            if data.read() != b"PAR1":
                raise BadInput(
                    "The Parquet file is damaged, cut short or encrypted.", "Save it again."
                )
        check_parquet(path)
        with pq.ParquetFile(path) as file:
            columns = unique_names(file.schema_arrow.names)
    check_columns(columns)
    table = ParquetTable(path, columns)
    table.records(1)
    return table
