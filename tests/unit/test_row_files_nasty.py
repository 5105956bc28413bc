"""Every nasty file: refused in our words, or read without a shifted row and written four times."""

import csv
import json
from itertools import islice
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from lib.core.errors import AppError, BadInput
from lib.core.task import RowResult
from lib.store.result_files import FORMATS, write_results
from lib.store.row_files import Table, open_table
from tests.unit.nasty_files import Nasty, all_files

FILES = all_files()


def test_there_are_hundreds_of_nasty_files():
    assert len(FILES) >= 200
    assert len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("nasty", FILES, ids=lambda nasty: ascii(nasty.name))
def test_a_nasty_file_is_refused_in_our_words_or_read_right(nasty: Nasty, tmp_path: Path):
    path = tmp_path / "upload"
    path.write_bytes(nasty.data)

    refusal = None
    try:
        table = open_table(path)
        rows = list(table.texts(*table.columns))
    except AppError as error:
        refusal = error
    if refusal:
        assert isinstance(refusal, BadInput)
        assert nasty.rows in (-1, None), str(refusal)
        assert str(path.parent) not in f"{refusal} {refusal.hint}"
        return

    assert nasty.rows in (len(rows), None)
    if nasty.rows and table.columns[-1] == "again":
        own = [str(number) for number in range(1, nasty.rows + 1)]
        assert [row[0] for row in rows] == [row[-1] for row in rows] == own
    for kind in FORMATS:
        out = tmp_path / f"out.{kind}"
        write_results(table, (RowResult(str(n)) for n in range(len(rows))), kind, out)
        assert labels(table, kind, out) == [str(n) for n in range(len(rows))]


def labels(table: Table, kind: str, out: Path) -> list[str]:
    """The labels as a foreign reader finds them; the first result column follows the input's."""
    place = len(table.columns)
    if kind == "csv":
        with out.open(encoding="utf-8", newline="") as file:
            return [row[place] for row in islice(csv.reader(file), 1, None)]
    if kind == "jsonl":
        lines = out.read_text(encoding="utf-8").split("\n")[:-1]
        records = [json.loads(line, parse_constant=pytest.fail) for line in lines]
        return [record.get("result_label", record["label"]) for record in records]
    if kind == "xlsx":
        book = openpyxl.load_workbook(out)
        return [row[place] for row in islice(book.active.values, 1, None)]
    return pq.read_table(out).column(place).to_pylist()
