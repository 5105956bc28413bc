"""Parquet: every kind of value as plain text, and bounds no file can lie about."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.core.errors import BadInput, TooLarge
from lib.store.row_files import Table
from tests.unit.nasty_archives import parquet


def everything(table: Table) -> list[tuple[str | None, ...]]:
    return list(table.texts(*table.columns))


def written(**columns) -> bytes:
    out = BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


PARQUET_CELLS = (
    (pa.array([1.5]), "1.5"),
    (pa.array([float("nan")]), None),
    (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    (pa.array([Decimal("1.10")]), "1.10"),
    (pa.array([False]), "false"),
    (pa.array([date(2026, 1, 5)]), "2026-01-05"),
    (pa.array([datetime(2026, 1, 5, 14, 30)]), "2026-01-05T14:30:00"),
    (pa.array([datetime(2026, 1, 5, 14, tzinfo=UTC)]), "2026-01-05T14:00:00+00:00"),
    (pa.array([1], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    (pa.array([{"a": [1, None], "b": "x"}]), '{"a":[1,null],"b":"x"}'),
    (pa.array([b"text"]), "text"),
    (pa.array([b"\xff\xfe"]), "//4="),
    (pa.array([None], pa.string()), None),
    (pa.array(["x"]).dictionary_encode(), "x"),
    (pa.array([b"caf\xe9"]).view(pa.string()), "Y2Fm6Q=="),
)


def test_a_parquet_cell_is_plain_text(opened):
    arrays = {str(number): array for number, (array, _) in enumerate(PARQUET_CELLS)}
    table = opened(written(**arrays))

    assert table.kind == "parquet"
    assert everything(table) == [tuple(text for _, text in PARQUET_CELLS)]


def test_a_date_no_calendar_of_python_reaches_is_still_text(opened):
    ((text,),) = everything(opened(written(cell=pa.array([10**15], pa.timestamp("ms")))))

    assert text is not None
    assert text.startswith("33658-09-27")


def test_a_parquet_file_of_few_bytes_cannot_unpack_to_gigabytes(opened):
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000, pa.int32()), ["x" * 500_000])

    for column in (once, pa.ListArray.from_arrays(list(range(3_001)), once)):
        with pytest.raises(TooLarge, match="1 GB"):
            opened(written(cell=column))


def test_a_file_that_kills_its_reader_is_refused_and_nobody_else_dies(opened):
    """With this bit turned, pyarrow 26 aborts the process that looks at the statistics."""
    data = bytearray(parquet())
    data[624] ^= 1 << 6

    with pytest.raises(BadInput, match="damaged"):
        opened(bytes(data))


def test_a_table_has_no_pictures(opened):
    with pytest.raises(BadInput, match="no pictures"):
        opened(parquet()).picture(0)
