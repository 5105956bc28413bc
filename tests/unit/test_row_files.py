"""CSV, TSV and JSONL: told by content, read unchanged, refused with the number of what is wrong."""

import csv
import json
import tracemalloc
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core.errors import BadInput, TooLarge
from lib.store import cells
from lib.store.row_files import MOST_ROWS, Table, open_table


@pytest.fixture
def opened(tmp_path: Path):
    def opened(data: bytes | str, sheet: str | None = None) -> Table:
        path = tmp_path / "upload.bin"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return open_table(path, sheet)

    return opened


@pytest.fixture
def refused(opened):
    def refused(data: bytes | str, *words: str, kind: type[BadInput] = BadInput) -> None:
        with pytest.raises(kind) as caught:
            everything(opened(data))
        said = f"{caught.value} {caught.value.hint}"
        assert all(word in said for word in words), said

    return refused


def everything(table: Table) -> list[tuple[str | None, ...]]:
    return list(table.texts(*table.columns))


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"),
     ("utf-16-be", b"\xfe\xff"), ("cp1252", b"")],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_are_found(opened, encoding, mark, delimiter):
    text = "id,text\r\n1,\u00fcber \u20ac 5\r\n2,caf\u00e9\r\n".replace(",", delimiter)
    table = opened(mark + text.encode(encoding))

    assert table.kind == "csv"
    assert table.columns == ("id", "text")
    assert everything(table) == [("1", "\u00fcber \u20ac 5"), ("2", "caf\u00e9")]


def test_bytes_windows_1252_leaves_free_become_controls_of_the_same_number(opened):
    (row,) = opened(b"id,text\n1,a plain sentence \x81\x8d\x8f\x90\x9d\xe9\n").texts("text")

    assert row == ("a plain sentence \x81\x8d\x8f\x90\x9d\u00e9",)


def test_a_letter_cut_by_the_end_of_a_read_block_stays_utf_8(opened):
    text = "x" * (2**20 - 8) + "\u00e9"

    assert list(opened(f"t,u\n{text},1\n").texts("t")) == [(text,)]


@pytest.mark.parametrize(
    "cell", ["007", "1e5", "NA", "null", "", " x ", "2026-01-05", "TRUE", "=1+1", "a\x00b", "1,5"]
)
def test_a_csv_cell_is_text_and_stays_unchanged(opened, cell):
    table = opened(f'id,text\n1,"{cell}"\n')

    assert everything(table) == [("1", cell)]


def test_line_ends_inside_quotes_stay_as_they_are(opened):
    assert list(opened('id,text\r\n1,"a\r\nb\nc\rd"\r\n').texts("text")) == [("a\r\nb\nc\rd",)]


def test_the_delimiter_is_the_one_most_records_agree_with(opened):
    assert opened("id;text, long\n1;a\n2;b\n").columns == ("id", "text, long")
    assert opened("a,b;c\n1;2\n3;4\n1,2,3\n").columns == ("a,b", "c")
    assert opened('a,b\n"x;y",1\n"x;z",2\n').columns == ("a", "b")
    assert opened("text\na; b\nc\n").columns == ("text",)


def test_a_tie_between_delimiters_goes_to_the_comma(opened):
    assert opened("a,b;c\n1,2;3\n").columns == ("a", "b;c")
    assert opened("a;b\tc\n1;2\t3\n").columns == ("a", "b\tc")


def test_repeated_column_names_are_numbered(opened):
    assert opened("a,a,a,b\n1,2,3,4\n").columns == ("a", "a_2", "a_3", "b")
    assert opened("a,a,a_2\n1,2,3\n").columns == ("a", "a_3", "a_2")


def test_short_records_are_filled_up_and_blank_lines_skipped(opened):
    assert everything(opened("\na,b\n\n1\n\n2,3\n\n")) == [("1", ""), ("2", "3")]


def test_a_record_with_more_cells_is_refused_with_its_number(refused):
    refused('a,b\n1,"x\ny"\n2,y\n3,z,!\n', "Record 3", "line 5", "3 cells", "2 columns")


@pytest.mark.parametrize(
    ("text", "line"),
    [('a,b\n1,"x\n2,y\n', 2), ('a,b\n1,x\n2,"y', 3), ('a,b\n"x\ny","\nz\n', 3), ('a,b\n1,"', 2),
     ('a,b\r\n1,"x\r\n2,y\r\n\r\n', 2), ('a,"b\n1,2\n', 1), ('a,b\n\n\n1,"\n', 4)],
)  # fmt: skip
def test_an_open_quote_is_refused_with_the_line_where_it_began(refused, text, line):
    refused(text, f"line {line} ", "never closed")


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n", b" \r\n", b"\xff\xfe"])
def test_an_empty_file_is_refused(refused, data):
    refused(data, "empty")


@pytest.mark.parametrize("data", ["a,b\n", "a,b", '"a\nb",c\n\n'])
def test_a_file_with_a_header_only_is_refused(refused, data):
    refused(data, "no rows")


@pytest.mark.parametrize(
    ("start", "word"),
    [(b"\xd0\xcf\x11\xe0\xa1\xb1", "XLSX"), (b"%PDF-1.7", "PDF"), (b"\x1f\x8b\x08", "Unpack"),
     (bytes(range(256)) * 20, "CSV"), ("a,b\n1,2\n".encode("utf-16-le") * 9, "UTF-8"),
     (b"<!DOCTYPE html><p>", "CSV"), (b"PAR1\x15\x04\x15", "damaged"), (b"PK\x03\x04", "damaged")],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_a_way_out(refused, start, word):
    refused(start, word)


@pytest.mark.parametrize("name", ["PARENT", "PAR1", "PKG", "BZh", "RIFF", "[id]", "GIF8", "7z"])
def test_a_header_that_begins_like_another_format_is_still_csv(opened, name):
    assert opened(f"{name},text\n1,x\n").columns == (name, "text")


def test_an_unknown_column_is_named(opened):
    with pytest.raises(BadInput, match="'txt'") as caught:
        opened("id,text\n1,x\n").texts("txt")

    assert "'text'" in caught.value.hint


def test_a_sheet_of_a_csv_is_refused_by_name(opened):
    with pytest.raises(BadInput, match="'Sheet1'"):
        opened("id,text\n1,x\n", "Sheet1")


def test_more_rows_than_the_bound_are_too_many(refused, monkeypatch):
    monkeypatch.setattr(cells, "MOST_ROWS", 1_000)

    assert MOST_ROWS == 1_000_000
    refused("a\n" + "1\n" * 1_001, "1,000 rows", kind=TooLarge)


def test_a_small_file_cannot_stand_for_billions_of_cells(opened):
    table = opened("," * 16_000 + "\n" + "1\n" * 10_000)

    with pytest.raises(TooLarge, match="rows"):
        list(table.texts("_2"))


def test_columns_come_in_the_order_asked_for_and_twice_if_wanted(opened):
    assert list(opened("a,b\n1,2\n").texts("b", "a", "b")) == [("2", "1", "2")]


def test_a_preview_shows_the_first_rows_only(opened):
    assert opened("a,b\n1,2\n3,4\n5,6\n").records(2) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_jsonl_cell_is_its_text_or_compact_json(opened):
    table = opened(
        '{"a":"x","n":{"k":[1, 2.50]},"f":1.10}\n\n'
        '{"a":null,"b":true,"i":123456789012345678901}\r\n'
    )

    assert table.kind == "jsonl"
    assert table.columns == ("a", "n", "f", "b", "i")
    assert everything(table) == [
        ("x", '{"k":[1,2.50]}', "1.10", None, None),
        (None, None, None, "true", "123456789012345678901"),
    ]


def test_half_a_surrogate_pair_in_jsonl_is_replaced(opened):
    assert list(opened('{"t":"\\ud83d!"}\n{"t":"\\ud83d\\ude00"}').texts("t")) == [
        ("\ufffd!",),
        ("\U0001f600",),
    ]


@pytest.mark.parametrize(
    ("line", "word"),
    [("{", "JSON"), ("[1]", "object"), ("{'a':1}", "JSON"), ('{"a":NaN}', "NaN"), ("x", "JSON"),
     ('{"a":' + "9" * 5_000 + "}", "4,300"), ('{"a":' + "[" * 9_999 + "]" * 9_999 + "}", "deep"),
     ('{"a":' + "[" * 150 + "]" * 150 + "}", "deep"), ('{"a":1} {"a":2}', "JSON")],
)  # fmt: skip
def test_a_broken_jsonl_line_is_refused_with_its_number(refused, line, word):
    refused('{"a":1}\n\n' + line + '\n{"a":2}\n', "Line 3 ", word)


def test_a_json_array_is_told_to_become_lines(refused):
    refused('[\n {"a":1}\n]', "one JSON object per line")


def test_jsonl_without_any_key_has_no_columns(refused):
    refused("{}\n{}\n", "no columns")


def test_line_separators_of_unicode_do_not_end_a_json_line(opened):
    assert list(opened('{"a":"x\u2028y\u0085z"}\n').texts("a")) == [("x\u2028y\u0085z",)]


CELLS = st.text(st.characters(codec="utf-8"), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_any_quoted_csv_comes_back_cell_by_cell(opened, rows, delimiter):
    out = StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([("first", "second"), *rows, ("a plain last row " * 9, "end")])

    assert everything(opened(out.getvalue()))[:-1] == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.dictionaries(CELLS, CELLS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_jsonl_comes_back_cell_by_cell(opened, records):
    table = opened("\n".join(json.dumps(record, ensure_ascii=False) for record in records))

    found = [dict(zip(table.columns, row, strict=True)) for row in everything(table)]
    assert [{k: v for k, v in row.items() if v is not None} for row in found] == records


def test_reading_six_megabytes_takes_less_than_one(opened):
    table = opened("id,text\n" + "".join(f"{n},{'x' * 290}\n" for n in range(20_000)))
    tracemalloc.start()
    try:
        count = sum(1 for _ in table.texts("text"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 1_000_000
