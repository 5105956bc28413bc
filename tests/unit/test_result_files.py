"""Results: the input's columns unchanged, then what each row got; harmless in a spreadsheet."""

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lib.core.chat import Usage
from lib.core.errors import BadInput
from lib.core.task import RowResult
from lib.store.result_files import FORMATS, RESULT_COLUMNS, write_results
from lib.store.row_files import open_table
from tests.unit.nasty_archives import pictures, saved_book

FULL = RowResult("spam", 0.5, None, "ollama/x", Usage(12, 3), Decimal("1E-7"), 8.25)
NOTHING = RowResult()


@pytest.fixture
def results(tmp_path: Path):
    def results(data: bytes | str, format: str, *found: RowResult) -> Path:
        path, out = tmp_path / "upload", tmp_path / f"out.{format}"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        write_results(open_table(path), iter(found), format, out)
        return out

    return results


def csv_rows(out: Path) -> list[list[str]]:
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def sheet_rows(out: Path) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(out).active.values)


def parquet(**columns: Any) -> bytes:
    out = BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_csv_is_rfc_4180_with_plain_decimals_and_null_as_nothing(results):
    out = results('id,text\n1,"say ""hi"",\r\nyou"\n2,\n', "csv", FULL, NOTHING)

    assert out.read_bytes() == (
        b"id,text,label,confidence,error,model,input_tokens,output_tokens,cost_usd,latency_ms\r\n"
        b'1,"say ""hi"",\r\nyou",spam,0.5,,ollama/x,12,3,0.0000001,8.25\r\n'
        b"2,,,,,,,,,\r\n"
    )


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@home", "\tx", "\rx", "-", "--5", "-5\n"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(results, text):
    data = json.dumps({"text": text, text: "x"})

    header, row = csv_rows(results(data, "csv", NOTHING))[:2]
    assert row[0] == f"'{text}"
    assert header[1] == f"'{text}"
    in_sheet = f"'{text}".replace("\r", "\n")
    header, row = sheet_rows(results(data, "xlsx", NOTHING))[:2]
    assert row[0] == in_sheet
    assert header[1] == in_sheet


@pytest.mark.parametrize("text", ["-5", "+1", "-1.5e3", "-.5", "+5.", "5", "a=b", " =x", "'=x"])
def test_plain_numbers_and_harmless_texts_stay(results, text):
    data = json.dumps({"text": text})

    assert csv_rows(results(data, "csv", NOTHING))[1][0] == text
    assert sheet_rows(results(data, "xlsx", NOTHING))[1][0] == text


def test_labels_are_guarded_too(results):
    found = RowResult("=label", model="@model")

    assert csv_rows(results("a\nb\n", "csv", found))[1][1] == "'=label"
    assert sheet_rows(results("a\nb\n", "xlsx", found))[1][4] == "'@model"
    line = json.loads(results("a\nb\n", "jsonl", found).read_text(encoding="utf-8"))
    assert line["label"] == "=label"


@pytest.mark.parametrize("format", FORMATS)
def test_a_result_column_never_hides_one_of_the_input(results, format):
    out = results("label,result_label,error\nmine,also mine,own\n", format, FULL)
    columns = open_table(out).columns

    assert columns[:6] == (
        "label", "result_label", "error", "result_label_2", "confidence", "result_error"
    )  # fmt: skip
    assert columns[6:] == RESULT_COLUMNS[3:]
    assert next(open_table(out).texts(*columns[:4])) == ("mine", "also mine", "own", "spam")


def test_a_sheet_drops_what_xml_cannot_carry_and_cuts_what_excel_cannot_hold(results):
    texts = ["a\x00b\x1fc\ufffe", "x" * 40_000, "\U0001f600" * 20_000, "\x00=1+1", "one\r\ntwo"]
    data = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    cells = [row[0] for row in sheet_rows(results(data, "xlsx", *[NOTHING] * 5))[1:]]

    assert cells == ["abc", "x" * 32_767, "\U0001f600" * 16_383, "'=1+1", "one\ntwo"]


def test_a_sheet_never_holds_formulas_or_errors(results):
    out = results("a,=SUM(A1)\n=1+1,#N/A\n=,#REF!\n", "xlsx", FULL, FULL)

    with ZipFile(out) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f" not in xml
    assert b't="e"' not in xml
    assert sheet_rows(out)[1][:2] == ("'=1+1", "#N/A")


def test_a_sheet_keeps_numbers_it_holds_exactly_and_writes_the_others_as_text(results):
    out = results('{"a":5,"b":1.5,"c":true,"d":12345678901234567890,"e":[1]}', "xlsx", FULL)

    assert sheet_rows(out)[1][:5] == (5, 1.5, True, "12345678901234567890", "[1]")
    assert sheet_rows(out)[1][5:] == ("spam", 0.5, None, "ollama/x", 12, 3, 1e-7, 8.25)


def test_a_text_that_looks_like_an_escape_of_sheets_comes_back(results):
    out = results("a\n_x000D_ and _x0041_\n", "xlsx", NOTHING)

    assert next(open_table(out).texts("a")) == ("_x000D_ and _x0041_",)


def test_a_jsonl_line_keeps_every_character(results):
    line = (
        '{"b" : 1.10, "a":{"x":[1e400, 123456789012345678901234567890]}, "b":-0.0, "s":"\\ud83d"}'
    )
    out = results(f"{line}\n\n  {{ }}\r\n", "jsonl", FULL, NOTHING)
    first, second = out.read_text(encoding="utf-8").splitlines()

    assert first == line[:-1] + (
        ',"label":"spam","confidence":0.5,"error":null,"model":"ollama/x","input_tokens":12,'
        '"output_tokens":3,"cost_usd":0.0000001,"latency_ms":8.25}'
    )
    assert json.loads(second) == dict.fromkeys(RESULT_COLUMNS)


def test_jsonl_has_no_nan(results):
    data = parquet(a=[float("nan")], b=[[float("inf")]])
    text = results(data, "jsonl", RowResult(confidence=float("nan"))).read_text(encoding="utf-8")

    assert json.loads(text, parse_constant=pytest.fail)["confidence"] is None


def test_parquet_of_parquet_keeps_the_schema(results):
    small = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["p", "q"])
    columns = {
        "decimal": pa.array([Decimal("1.10"), None], pa.decimal128(12, 2)),
        "zoned": pa.array([datetime(2026, 1, 5, tzinfo=UTC)] * 2, pa.timestamp("ns", "Asia/Tokyo")),
        "nested": pa.array([{"a": [1, None]}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        "dictionary": small,
        "day": pa.array([date(2026, 1, 5), None]),
        "tiny": pa.array([1, None], pa.uint8()),
        "large": pa.array(["x", None], pa.large_string()),
        "half": pa.array([1.5, None], pa.float16()),
        "nothing": pa.nulls(2),
    }
    table = pa.table(columns).replace_schema_metadata({"made": "by us"})
    data = BytesIO()
    pq.write_table(table, data)
    found = pq.read_table(results(data.getvalue(), "parquet", FULL, NOTHING))

    assert found.select(list(columns)).equals(pq.read_table(data), check_metadata=True)
    assert found["label"].to_pylist() == ["spam", None]
    assert found["cost_usd"].to_pylist() == [1e-7, None]


def test_parquet_of_many_batches_keeps_the_order(results):
    data = parquet(n=list(range(3_000)), word=pa.array(["a", "b"] * 1_500).dictionary_encode())
    out = results(data, "parquet", *(RowResult(str(n)) for n in range(3_000)))
    found = pq.read_table(out)

    assert found["n"].to_pylist() == [int(label) for label in found["label"].to_pylist()]
    assert found["word"].to_pylist() == ["a", "b"] * 1_500


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ("1 null", pa.int64(), [1, None]),
        ("1 9007199254740993", pa.int64(), [1, 9007199254740993]),
        ("1 2.5", pa.float64(), [1.0, 2.5]),
        ("2.5 9007199254740993", pa.string(), ["2.5", "9007199254740993"]),
        ("0.1234567890123456789 1", pa.string(), ["0.1234567890123456789", "1"]),
        ("1e400 1", pa.string(), ["1e400", "1"]),
        ("true false", pa.bool_(), [True, False]),
        ("true 1", pa.string(), ["true", "1"]),
        ('"x" 1', pa.string(), ["x", "1"]),
        ("[1] {}", pa.string(), ["[1]", "{}"]),
        ("18446744073709551616 1", pa.string(), ["18446744073709551616", "1"]),
        ("null null", pa.string(), [None, None]),
    ],
)
def test_a_column_has_a_type_where_all_its_values_agree(results, cells, kind, values):
    data = "".join(f'{{"cell":{cell}}}\n' for cell in cells.split())
    column = pq.read_table(results(data, "parquet", NOTHING, NOTHING))["cell"]

    assert column.type == kind
    assert column.to_pylist() == values


def test_a_csv_becomes_texts_in_parquet_and_json(results):
    assert pq.read_table(results("a\n007\n", "parquet", NOTHING))["a"].to_pylist() == ["007"]
    assert json.loads(results("a\n007\n", "jsonl", NOTHING).read_text())["a"] == "007"


def test_dates_of_a_sheet_are_iso_texts_in_every_format(results):
    book = openpyxl.Workbook()
    book.active.append(["d", "n"])
    book.active.append([date(2026, 1, 5), 1.5])
    for format in FORMATS:
        out = results(saved_book(book), format, NOTHING)
        assert next(open_table(out).texts("d", "n")) == ("2026-01-05", "1.5")


def test_pictures_have_their_names_in_the_results(results):
    assert csv_rows(results(pictures(2), "csv", FULL, FULL))[2][:2] == ["2.png", "spam"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", ["a\n1\n2\n", '{"a":1}\n{"a":2}\n', parquet(a=[1, 2])])
@pytest.mark.parametrize("count", [1, 3])
def test_as_many_results_as_rows_are_needed(results, tmp_path, format, data, count):
    with pytest.raises(ValueError, match=r"shorter|longer|fewer|more"):
        results(data, format, *[FULL] * count)
    assert not list(tmp_path.glob("out.*")), "a half-written file is taken away"


def test_an_unknown_format_is_refused(results):
    with pytest.raises(BadInput, match="'ods'"):
        results("a\n1\n", "ods", FULL)
