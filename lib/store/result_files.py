"""Results as files: the input's own columns, then what each row got, in the input's order."""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES

from lib.core.errors import BadInput, TooLarge
from lib.core.task import RowResult
from lib.store.cells import MOST_COLUMNS, cell_text, json_text
from lib.store.jsonl_file import JsonlFile
from lib.store.result_parquet import write_parquet
from lib.store.safe_cells import guarded, sheet_cell, sheet_text
from lib.store.table import Table

RESULT_COLUMNS = (
    "label", "confidence", "error", "model",
    "input_tokens", "output_tokens", "cost_usd", "latency_ms",
)  # fmt: skip


def write_results(table: Table, results: Iterator[RowResult], format: str, out: Path) -> None:
    """Writes one result for each row, in order; both are streamed.

    In CSV and XLSX no cell can become a formula; JSONL and Parquet keep every value.
    Raises BadInput for an unknown format; ValueError when there are not as many results as rows.
    """
    write = _WRITERS.get(format)
    if write is None:
        raise BadInput(f"format: {format!r} is none of {', '.join(FORMATS)}.")
    try:
        write(table, result_names(table.columns), map(result_cells, results), out)
    except BaseException:  # Half a file must not be taken for a whole one.
        out.unlink(missing_ok=True)
        raise


def result_names(columns: Iterable[str]) -> tuple[str, ...]:
    """`RESULT_COLUMNS`, each called result_<name> where the input has that name already."""
    taken, names = set(columns), []
    for name in RESULT_COLUMNS:
        new, number = name if name not in taken else f"result_{name}", 2
        while new in taken:
            new, number = f"result_{name}_{number}", number + 1
        taken.add(new)
        names.append(new)
    return tuple(names)


def result_cells(result: RowResult) -> tuple[Any, ...]:
    return (
        result.label,
        result.confidence,
        result.error,
        result.model,
        result.usage.input_tokens,
        result.usage.output_tokens,
        result.cost_usd,
        result.latency_ms,
    )


def _write_csv(
    table: Table, names: tuple[str, ...], cells: Iterator[tuple[Any, ...]], out: Path
) -> None:
    rows = zip(table.texts(*table.columns), cells, strict=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(map(guarded, (*table.columns, *names)))
        for own, new in rows:
            texts = chain(own, map(cell_text, new))
            writer.writerow([guarded(text) if text else text for text in texts])


def _write_xlsx(
    table: Table, names: tuple[str, ...], cells: Iterator[tuple[Any, ...]], out: Path
) -> None:
    columns = (*table.columns, *names)
    if len(columns) > MOST_COLUMNS:
        raise TooLarge("A sheet cannot hold so many columns.", "Choose CSV, JSONL or Parquet.")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("results")

    def written(value: Any) -> Any:
        if value not in ERROR_CODES:
            return value
        cell = WriteOnlyCell(sheet, value)
        cell.data_type = "s"  # Else #N/A and its like would become errors, not texts.
        return cell

    try:
        sheet.append([written(sheet_text(name)) for name in columns])
        for own, new in zip(table.rows(range(len(table.columns))), cells, strict=True):
            sheet.append([written(sheet_cell(value)) for value in chain(own, new)])
    finally:  # Also when a row fails, or openpyxl's half-written file outlives the book.
        sheet.close()
        book.save(out)


def _write_jsonl(
    table: Table, names: tuple[str, ...], cells: Iterator[tuple[Any, ...]], out: Path
) -> None:
    """The line of a JSONL input is not written anew, so nothing in it can change."""
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for line, new in zip(_json_lines(table), cells, strict=True):
            own = line[1:-1].strip(" \t")
            added = ",".join(f"{k}:{json_text(v)}" for k, v in zip(keys, new, strict=True))
            file.write(f"{{{own}{',' if own else ''}{added}}}\n")


def _json_lines(table: Table) -> Iterator[str]:
    if isinstance(table, JsonlFile):
        yield from table.lines()
        return
    for row in table.rows(range(len(table.columns))):
        yield json_text(dict(zip(table.columns, row, strict=True)))


_WRITERS = {
    "csv": _write_csv,
    "xlsx": _write_xlsx,
    "jsonl": _write_jsonl,
    "parquet": write_parquet,
}
FORMATS = tuple(_WRITERS)
