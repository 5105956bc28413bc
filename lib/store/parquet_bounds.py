"""How much a Parquet file unpacks to, found out by a process that may die of it.

Damaged files can abort pyarrow with the whole process, and a few bytes may stand for one long
text in every row: run as a program, this module reads a file once within bounds.
"""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib.core.errors import BadInput, TooLarge
from lib.store.archive_bounds import MOST_BYTES
from lib.store.cells import MOST_CELLS, MOST_ROWS, too_many_rows

BATCH = 256
MOST_SECONDS = 60
MOST_MEMORY = 6 * 2**30  # address space, of which Arrow reserves far more than it uses
ROOT = Path(__file__).parents[2]
_TEXTS = ("STRING", "NONE", "JSON", "ENUM", "BSON")
_FINE, _TOO_LARGE, _TOO_MANY_ROWS = 0, 3, 4


def check_parquet(path: Path) -> None:
    """Raises TooLarge past the bounds, and BadInput when the file cannot be read to its end."""
    command = [sys.executable, "-m", __name__, str(path.absolute())]
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2 * MOST_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        ended = _TOO_LARGE
    if ended == _TOO_MANY_ROWS:
        raise too_many_rows()
    if ended == _TOO_LARGE:
        raise TooLarge("The Parquet file unpacks to more than 1 GB.", "Split it.")
    if ended != _FINE:
        raise BadInput("The Parquet file is damaged or cut short.", "Save it again and resend.")


def _verdict(path: str) -> int:
    """First by what the file says of itself, then by reading and counting.

    Repeated texts are counted without being repeated in memory.
    """
    with pq.ParquetFile(path) as file:
        facts = file.metadata
        if facts.num_rows > MOST_ROWS:
            return _TOO_MANY_ROWS
        groups = [facts.row_group(n) for n in range(facts.num_row_groups)]
        columns = [file.schema.column(n) for n in range(facts.num_columns)]
        values = sum(group.column(n).num_values for group in groups for n in range(len(columns)))
    if values > MOST_CELLS or sum(group.total_byte_size for group in groups) > MOST_BYTES:
        return _TOO_LARGE
    texts = [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY" and column.logical_type.type in _TEXTS
    ]
    total = 0
    for in_short in (texts, None):
        with pq.ParquetFile(path, read_dictionary=in_short) as file:
            for batch in file.iter_batches(BATCH, use_threads=False):
                batch.validate()
                total += sum(map(_unpacked, batch.columns)) if in_short is texts else 0
                if total > MOST_BYTES:
                    return _TOO_LARGE
    return _FINE


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


def _main(path: str) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    pa.set_cpu_count(1)
    return _verdict(path)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
