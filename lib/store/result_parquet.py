"""Results as Parquet: the input's types stay, or are told from all values of a column."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lib.store.cells import exact_number
from lib.store.parquet_file import ParquetTable
from lib.store.table import Table

GROUP_ROWS = 20_000
GROUP_BYTES = 32_000_000
TEXT, WHOLE, FLOAT, BOOLEAN = pa.string(), pa.int64(), pa.float64(), pa.bool_()
RESULT_TYPES = (TEXT, FLOAT, TEXT, TEXT, WHOLE, WHOLE, FLOAT, FLOAT)


def write_parquet(
    table: Table, names: tuple[str, ...], cells: Iterator[tuple[Any, ...]], out: Path
) -> None:
    """`cells` are the results' cells, of `RESULT_TYPES`, one tuple for each row."""
    schema = _schema(table)
    for name, kind in zip(names, RESULT_TYPES, strict=True):
        schema = schema.append(pa.field(name, kind))
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(_batches(table, schema, cells)):
            writer.write_table(pa.Table.from_batches(group, schema))


def _schema(table: Table) -> Any:
    if isinstance(table, ParquetTable):
        schema = table.schema()
        fields = [field.with_name(name) for field, name in zip(schema, table.columns, strict=True)]
        return pa.schema(fields, schema.metadata)
    return pa.schema(zip(table.columns, _types(table), strict=True))


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """Batches gathered into row groups that are neither tiny nor heavy."""
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        rows, size = sum(b.num_rows for b in group), sum(b.nbytes for b in group)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _batches(table: Table, schema: Any, cells: Iterator[tuple[Any, ...]]) -> Iterator[Any]:
    """The table's columns with the results beside them."""
    own = table.batches() if isinstance(table, ParquetTable) else _own_batches(table, schema)
    for batch in own:
        found = list(islice(cells, batch.num_rows))
        if len(found) != batch.num_rows:
            raise ValueError("fewer results than rows")
        new = zip(zip(*found, strict=True), RESULT_TYPES, strict=True)
        arrays = [*batch.columns, *(_array(column, kind) for column, kind in new)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    if next(cells, None) is not None:
        raise ValueError("more results than rows")


def _own_batches(table: Table, schema: Any) -> Iterator[Any]:
    fields = list(schema)[: len(table.columns)]
    rows = table.rows(range(len(fields)))
    while part := list(islice(rows, 512)):
        columns = zip(zip(*part, strict=True), fields, strict=True)
        arrays = [
            pa.array(map(table.text, column), TEXT)
            if field.type == TEXT
            else _array(column, field.type)
            for column, field in columns
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _array(column: Sequence[Any], kind: Any) -> Any:
    if kind == FLOAT:
        return pa.array([None if cell is None else float(cell) for cell in column], FLOAT)
    return pa.array(column, kind)


def _types(table: Table) -> list[Any]:
    """A type for each column that holds every value without loss; in doubt text."""
    width = len(table.columns)
    if table.kind in ("csv", "zip"):
        return [TEXT] * width
    found: list[set[str]] = [set() for _ in range(width)]
    for row in table.rows(range(width)):
        for kinds, value in zip(found, row, strict=True):
            if value is not None:
                kinds.add(_kind(value))
    return [_type(kinds) for kinds in found]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if exact_number(value) is not None:
        return "whole" if isinstance(value, int) else "float"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return "long"
    return "text"


def _type(kinds: set[str]) -> Any:
    if kinds == {"boolean"}:
        return BOOLEAN
    if kinds and kinds <= {"whole", "long"}:
        return WHOLE
    return FLOAT if kinds and kinds <= {"whole", "float"} else TEXT
