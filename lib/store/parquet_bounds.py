"""How much a Parquet file unpacks to: a few bytes may stand for one long text in every row."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib.core.errors import TooLarge
from lib.store.archive_bounds import MOST_BYTES
from lib.store.cells import MOST_CELLS, MOST_ROWS, too_many_rows

BATCH = 256
_TEXTS = ("STRING", "NONE", "JSON", "ENUM", "BSON")


def check_parquet(path: Path) -> None:
    """First by what the file says of itself, then by counting. Raises TooLarge.

    Repeated texts are counted without being repeated in memory.
    """
    with pq.ParquetFile(path) as file:
        facts = file.metadata
        groups = [facts.row_group(n) for n in range(facts.num_row_groups)]
        columns = [file.schema.column(n) for n in range(facts.num_columns)]
        texts = [
            column.path
            for column in columns
            if column.physical_type == "BYTE_ARRAY" and column.logical_type.type in _TEXTS
        ]
    if facts.num_rows > MOST_ROWS:
        raise too_many_rows()
    values = sum(group.column(n).num_values for group in groups for n in range(len(columns)))
    if values > MOST_CELLS or sum(group.total_byte_size for group in groups) > MOST_BYTES:
        raise too_large()
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        total = 0
        for batch in file.iter_batches(BATCH, use_threads=False):
            total += sum(_unpacked(array) for array in batch.columns)
            if total > MOST_BYTES:
                raise too_large()


def _unpacked(array: Any) -> int:
    """Bytes of an array when every text in it is written out."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        if not (pa.types.is_string(kind.value_type) or pa.types.is_binary(kind.value_type)):
            return int(array.nbytes)
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_unpacked(part) for part in array.flatten())
    if pa.types.is_map(kind):
        return _unpacked(array.keys) + _unpacked(array.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _unpacked(array.flatten())
    return int(array.nbytes)


def too_large() -> TooLarge:
    return TooLarge("The Parquet file unpacks to more than 1 GB.", "Split it.")
