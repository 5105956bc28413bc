"""Files as people send them: what they hold is read whole, or the refusal says where it breaks."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    LABELS,
    RESULT_COLUMNS,
    calls_of,
    column,
    csv_of,
    post,
    refusal,
    rows_of,
    run,
    submit,
)
from tests.fakes import FakeServer
from tests.unit.nasty_archives import archives, changed, foreign, parquet, saved_book, workbook
from tests.unit.nasty_files import all_files
from tests.unit.nasty_texts import Nasty

PLAIN = {"text_column": "text", "labels": LABELS}
CELLS = [
    ["007", " spaced "], ["1e5", "NA"], ["2026-01-05", "TRUE"], ["null", "caf\u00e9 \u201eq\u201c"]
]  # fmt: skip


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    return end.join(delimiter.join(cells) for cells in [["id", "text"], *rows]) + end


def inputs(api: Api, data: bytes, name: str = "rows.csv", **spec: Any) -> list[dict[str, Any]]:
    """The rows of a file as a job has read them, without its own columns."""
    rows = rows_of(api, submit(api, data, name, **spec))
    return [{k: v for k, v in row.items() if k not in RESULT_COLUMNS} for row in rows]


def refused(api: Api, data: bytes, name: str = "rows.csv", **spec: Any) -> str:
    """The message with which a file is refused as bad input."""
    answer = post(api, data, {**PLAIN, **spec}, name)
    assert refusal(answer) == (422, "bad_input")
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize("name", ["rows.csv", "rows.xlsx"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_whatever_the_name(api: Api, delimiter: str, name: str) -> None:
    found = inputs(api, written(CELLS, delimiter).encode(), name)

    assert found == [{"id": a, "text": b} for a, b in CELLS]


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\r"), ("cp1252", "\r\n")],
)
def test_the_encoding_is_found_and_cells_stay_as_they_are(
    api: Api, encoding: str, end: str
) -> None:
    """Leading zeros, blanks, dates, NA: cells are text."""
    found = inputs(api, written(CELLS, end=end).encode(encoding))

    assert found == [{"id": a, "text": b} for a, b in CELLS]


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_is_read_in_both_orders(api: Api, order: str) -> None:
    data = ("\ufeff" + written([["1", "漢字 🎉"]])).encode(f"utf-16-{order}")

    assert inputs(api, data) == [{"id": "1", "text": "漢字 🎉"}]


def test_quoted_cells_keep_delimiters_quotes_and_lines(api: Api) -> None:
    text = 'a,b;c\t"d"\r\ne\nf'
    quoted = text.replace('"', '""')

    assert inputs(api, f'id,text\n1,"{quoted}"\n'.encode()) == [{"id": "1", "text": text}]


def test_a_repeated_column_gets_a_number(api: Api) -> None:
    (found,) = inputs(api, b"text,a,a,text,a\n1,2,3,4,5\n")
    (clashing,) = inputs(api, b"text,a,a,a_2\n1,2,3,4\n")

    assert found == {"text": "1", "a": "2", "a_2": "3", "text_2": "4", "a_3": "5"}
    assert clashing["a_2"] == "4", "a name that the file gives is never given to another column"
    assert list(clashing.values()) == list("1234")


def test_the_second_of_two_equal_columns_can_be_chosen(api: Api, fake: FakeServer) -> None:
    _, rows = run(api, b"text,text,text\nno GOOD,the second BAD,no\n", text_column="text_2")

    assert column(rows, "label") == ["BAD"]
    assert fake.texts["the second BAD"] == 1


def test_a_short_record_is_filled_up(api: Api) -> None:
    found = inputs(api, b"id,text,more\n1,short\n2\n3,full,x\n")

    empty = [["1", "short", ""], ["2", "", ""], ["3", "full", "x"]]
    assert [list(row.values()) for row in found] == empty


def test_a_long_record_is_refused_with_its_number(api: Api) -> None:
    assert "2" in refused(api, b"id,text\n1,fits\n2,one,too many\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"\xef\xbb\xbf", b"text\n", b"id,text\r\n", b"{}\n", b"\xff\xfe", b"\0" * 999],
)
def test_nothing_to_read_is_refused(api: Api, data: bytes) -> None:
    assert refused(api, data)


def test_a_blank_row_fails_without_a_call(api: Api) -> None:
    lines = [{"text": text} for text in ("kept GOOD", "", "  \t\n", None, "\u00a0\u2003")]
    data = "\n".join(map(json.dumps, [*lines, {"id": 1}])).encode()
    found, rows = run(api, data)

    assert column(rows, "label") == ["GOOD"] + [None] * 5
    assert column(rows, "error") == [None] + ["bad_input"] * 5
    assert [found[name] for name in ("rows_total", "rows_done", "rows_failed")] == [6, 6, 5]
    assert found["calls"] == len(calls_of(api, found["job_id"])) == 1
    assert found["cost_usd"] > 0, "what was not sent costs nothing, and that is known"


def test_a_file_of_blank_rows_is_done_without_a_call(api: Api) -> None:
    found, _ = run(api, b'text,x\n"",1\n" ",2\n')

    assert (found["rows_failed"], found["calls"], found["cost_usd"]) == (2, 0, 0)


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ('{"text":"a"}\n{"text":\n{"text":"c"}', 2),
        ('{"text":"a"}\n\n[1]\n', 3),
        ('{"text":"a"}\n"x"', 2),
        ('{"text":"a"}\n{"text":"b"} {"text":"c"}', 2),
        ('{"text":"a"}\n{"text":"b","n":NaN}', 2),
        ("{'text':'a'}", 1),
    ],
)
def test_a_broken_line_refuses_the_file_and_is_named(api: Api, broken: str, line: int) -> None:
    assert f"ine {line}" in refused(api, broken.encode(), "rows.jsonl")


def test_jsonl_keeps_nesting_big_integers_and_missing_keys(api: Api) -> None:
    lines = [
        {"text": "a", "deep": {"x": [1, {"y": None}]}, "big": 12345678901234567890123},
        {"text": "b", "flag": True, "fine": 0.1},
    ]
    found = inputs(api, "\n".join(map(json.dumps, lines)).encode(), "rows.csv")

    for row, line in zip(found, lines, strict=True):
        assert {k: v for k, v in row.items() if v is not None} == line


def test_a_sheet_gives_dates_numbers_and_the_values_of_formulas(api: Api) -> None:
    moments = [date(2026, 1, 5), datetime(2026, 1, 5, 14, 30)]
    data = workbook([(1, "text 1", moments[0]), (2, "text 2", moments[1]), (3, "=1+1", 1.5)])
    stored = changed(
        data, "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"<is><t>text 2</t></is>", b"<f>A1&amp;B1</f><v>stored BAD</v>")
        .replace(b'r="B3" t="inlineStr"', b'r="B3" t="str"'),
    )  # fmt: skip
    found = inputs(api, stored)

    assert column(found, "text") == ["text 1", "stored BAD", "=1+1"]
    assert column(found, "again") == ["2026-01-05", "2026-01-05T14:30:00", 1.5]
    assert column(found, "n") == [1, 2, 3]


def test_a_sheet_is_chosen_by_its_name_and_the_first_without(api: Api) -> None:
    book = openpyxl.Workbook()
    for sheet, text in ((book.active, "first"), (book.create_sheet("Two, büro"), "second")):
        sheet.append(["text"])
        sheet.append([text])
    data = saved_book(book)

    assert inputs(api, data) == [{"text": "first"}]
    assert inputs(api, data, sheet="Two, büro") == [{"text": "second"}]
    assert "Three" in refused(api, data, sheet="Three")


def test_parquet_types_come_back_in_parquet_and_as_text_to_the_model(
    api: Api, fake: FakeServer
) -> None:
    columns = {
        "text": pa.array([Decimal("17.10"), None, Decimal("-3.00")]),
        "when": pa.array([datetime(2026, 1, 5)] * 3, pa.timestamp("us", "Asia/Tokyo")),
        "tags": pa.array([["a"], [], None]),
        "small": pa.array([1, None, 3], pa.int8()),
    }
    found, rows = run(api, parquet(**columns))
    answer = api.get(f"/jobs/{found['job_id']}/results", params={"format": "parquet"})
    table = pa.parquet.read_table(pa.BufferReader(answer.content))

    assert {name: table.schema.field(name).type for name in columns} == {
        name: values.type for name, values in columns.items()
    }
    assert table.select(list(columns)).to_pydict() == pa.table(columns).to_pydict()
    assert column(rows, "error") == [None, "bad_input", None]
    assert fake.texts["17.10"] == 1


HOPELESS = [*foreign(), *(file for file in archives() if file.rows == -1)]


@pytest.mark.parametrize("file", HOPELESS, ids=lambda file: file.name)
def test_a_file_of_another_kind_is_refused_in_our_words(api: Api, file: Nasty) -> None:
    answer = post(api, file.data, {**PLAIN, "text_column": "text"}, file.name)

    if file.rows == -1:
        assert refusal(answer) in ((422, "bad_input"), (413, "too_large"))
        assert "Traceback" not in answer.text
        assert str(api.app.settings.data_path) not in answer.text
    else:
        assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("part", range(3))
def test_no_file_however_broken_makes_the_server_fail(api: Api, part: int) -> None:
    for file in all_files()[part::30]:
        spec = {"labels": LABELS} if file.data.startswith(b"PK") else PLAIN
        answer = post(api, file.data, spec, file.name)

        assert answer.status_code in (202, 413, 422), (file.name, answer.text)
        assert file.rows != -1 or answer.status_code in (413, 422), file.name


def test_the_order_of_rows_is_the_files(api: Api) -> None:
    texts = [f"row {n} {LABELS[n % 2]}" for n in range(250)]
    _, rows = run(api, csv_of(*texts))

    assert column(rows, "text") == texts
    assert column(rows, "label") == LABELS * 125
