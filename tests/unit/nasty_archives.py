"""Workbooks, Parquet files and archives nobody wants, and files that are something else."""

import bz2
import gzip
import random
import struct
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.nasty_texts import HEADER, TEXTS, Nasty, csv_text, numbered
from tests.unit.pictures import saved, two_halves


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER)
    for number, row in enumerate(rows, start=2):
        for column, value in enumerate(row, start=1):
            if isinstance(value, str):
                sheet.cell(number, column, value.translate({0: None, 27: None})).data_type = "s"
            elif value is not None:
                sheet.cell(number, column, value)
    return saved_book(book)


def saved_book(book: openpyxl.Workbook) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, name: str, change: Any) -> bytes:
    """The archive with one entry changed; None takes it away."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for entry in old.infolist():
            inside = old.read(entry)
            inside = change(inside) if entry.filename == name else inside
            if inside is not None:
                new.writestr(entry.filename, inside)
    return out.getvalue()


def with_shared_texts(data: bytes) -> bytes:
    """One shared text, in two pieces with a reading aid; openpyxl would write none."""
    spaces = b"http://schemas.openxmlformats.org"
    relation = b'<Relationship Id="t" Type="x/sharedStrings" Target="sharedStrings.xml"/>'
    end = b"</Relationships>"
    out = BytesIO(
        changed(data, "xl/_rels/workbook.xml.rels", lambda x: x.replace(end, relation + end))
    )
    with zipfile.ZipFile(out, "a") as archive:
        text = b"<si><r><t>te</t></r><r><t>xt_x0031_</t></r><rPh><t>no</t></rPh></si>"
        archive.writestr(
            "xl/sharedStrings.xml",
            b'<sst xmlns="%s/spreadsheetml/2006/main">%s</sst>' % (spaces, text),
        )
    return out.getvalue()


def workbooks() -> Iterator[Nasty]:
    rows = [(n, f"text {n}", n) for n in range(1, 6)]
    plain = workbook(rows)
    sheet = "xl/worksheets/sheet1.xml"
    swap = lambda old, new: changed(plain, sheet, lambda x: x.replace(old, new))  # noqa: E731
    shared = with_shared_texts(swap(b't="inlineStr"><is><t>text 1</t></is>', b't="s"><v>0</v>'))
    kinds = (date(2026, 1, 5), datetime(2026, 1, 5, 14, 30), timedelta(hours=30), True, 1.5, "#N/A")
    typed = [(n, value, n) for n, value in enumerate(kinds, start=1)]
    cases: dict[str, tuple[bytes, int | None]] = {
        "plain": (plain, 5),
        "texts": (workbook(numbered(TEXTS[:20])), 20),
        "typed": (workbook(typed), 6),
        "dimension-too-small": (swap(b'ref="A1:C6"', b'ref="A1:A1"'), 5),
        "dimension-too-large": (swap(b'ref="A1:C6"', b'ref="A1:XFD1048576"'), 5),
        "no-dimension": (swap(b'<dimension ref="A1:C6" />', b""), 5),
        "no-references": (swap(b' r="', b' x="'), 5),
        "no-styles": (changed(plain, "xl/styles.xml", lambda x: None), 5),
        "broken-styles": (changed(plain, "xl/styles.xml", lambda x: x[:50]), -1),
        "shared-texts": (shared, 5),
        "no-texts": (changed(shared, "xl/sharedStrings.xml", lambda x: None), -1),
        "no-sheet": (changed(plain, sheet, lambda x: None), -1),
        "half-a-sheet": (changed(plain, sheet, lambda x: x[: len(x) // 2]), -1),
        "no-workbook": (changed(plain, "xl/workbook.xml", lambda x: None), -1),
        "no-relations": (changed(plain, "xl/_rels/workbook.xml.rels", lambda x: None), -1),
        "text-out-of-range": (changed(shared, sheet, lambda x: x.replace(b">0<", b">9<")), -1),
        "same-row-twice": (swap(b'<row r="3"', b'<row r="2"'), -1),
        "odd-column": (swap(b'r="A2"', b'r="ZZZZ2"'), -1),
        "laughs": (changed(plain, sheet, laughing), -1),
        "far-row": (swap(b'<row r="6"', b'<row r="1048576"'), -1),
        "header-only": (workbook([]), -1),
        "empty-rows": (workbook([rows[0], (), (), (2, "b", 2), (), (None, "")]), None),
        "wider-than-header": (workbook([(1, "a", 1, "x")]), -1),
        "empty-sheet": (saved_book(openpyxl.Workbook()), -1),
    }
    for name, (data, count) in cases.items():
        yield Nasty(f"{name}.xlsx", data, count)


def laughing(sheet: bytes) -> bytes:
    entities = b"".join(
        b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"ha" * 10) for n in range(10)
    )
    doctype = b"<!DOCTYPE worksheet [" + entities + b"]>"
    return doctype + sheet.replace(b"<v>1</v>", b"<v>&e9;</v>")


def parquet(**columns: Any) -> bytes:
    out = BytesIO()
    own = columns or {"n": [1, 2, 3], "text": ["a", None, "c"], "again": [1, 2, 3]}
    pq.write_table(pa.table(own), out)
    return out.getvalue()


def parquets() -> Iterator[Nasty]:
    kinds: dict[str, Any] = {
        "binary": pa.array([b"\xff\xfe", b"text", None]),
        "decimal": pa.array([Decimal("1.10"), None, Decimal("-3.00")]),
        "nested": pa.array([{"a": [1, None]}, None, {"a": []}]),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "zoned": pa.array([datetime(2026, 1, 5)] * 3, pa.timestamp("us", "Asia/Tokyo")),
        "fine-time": pa.array([1, 2, None], pa.timestamp("ns")),
        "far-year": pa.array([10**15, None, -(10**15)], pa.timestamp("ms")),
        "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
        "not-a-number": pa.array([float("nan"), float("inf"), -1.5]),
        "unsigned": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "half": pa.array([1.5, None, 2.0], pa.float16()),
        "duration": pa.array([1, None, -(10**9)], pa.duration("ns")),
        "nothing": pa.nulls(3),
        "time": pa.array([1, None, 3], pa.time64("us")),
        "bad-utf8": pa.array([b"\xff", b"a", b"b"]).view(pa.string()),
        "large": pa.array(["a", "b", "c"], pa.large_string()),
    }
    yield Nasty("every-kind.parquet", parquet(n=[1, 2, 3], **kinds, again=[1, 2, 3]), 3)
    # With this bit turned, pyarrow 26 aborts the process that looks at the file's statistics.
    deadly = bytearray(parquet())
    deadly[624] ^= 1 << 6
    yield Nasty("deadly.parquet", bytes(deadly), None)
    yield Nasty("no-rows.parquet", parquet(n=pa.array([], pa.int64())), -1)
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), ["x" * 1_000_000])
    yield Nasty("bomb.parquet", parquet(text=bomb), -1)


def pictures(count: int, *others: tuple[str, bytes], method: int = 8) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number in range(count):
            archive.writestr(f"{number + 1}.png", saved(two_halves(), "PNG"))
        for name, data in others:
            archive.writestr(name, data)
    return out.getvalue()


def archives() -> Iterator[Nasty]:
    one = pictures(1)
    mark, bit = b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"
    types = ("[Content_Types].xml", b"<x/>")
    lie = struct.pack("<I", len(saved(two_halves(), "PNG")))
    gif = saved(two_halves(), "GIF")
    cases: dict[str, tuple[bytes, int | None]] = {
        "three": (pictures(3), 3),
        "stored": (pictures(3, method=0), 3),
        "others-beside": (pictures(2, ("readme.txt", b"x"), ("__MACOSX/._1.png", b"x")), 2),
        "by-content": (pictures(0, ("no ending", gif), ("notes", b"GIF")), 1),
        "broken-picture": (pictures(1, ("2.jpg", b"no picture")), 2),
        "same-name": (one, 1),
        "unicode-name": (pictures(1, ("\u65e5\u672c.png", gif), ("=cmd.png", gif)), 3),
        "folders": (pictures(1, ("a/", b""), ("a/b/2.GIF", gif)), 2),
        "climbing": (pictures(1, ("../2.png", gif)), -1),
        "climbing-inside": (pictures(1, ("a/../../2.png", gif)), -1),
        "absolute": (pictures(1, ("/2.png", gif)), -1),
        "backslash": (pictures(1, ("..\\2.png", gif)), -1),
        "drive": (pictures(1, ("C:2.png", gif)), -1),
        "encrypted": (one.replace(mark, bit), -1),
        "bomb": (pictures(1, ("2.png", b"\0" * 5_000_000)), -1),
        "bzip2": (pictures(2, method=12), -1),
        "lzma": (pictures(2, method=14), -1),
        "no-picture": (pictures(0, ("a.txt", b"a")), -1),
        "empty": (pictures(0), -1),
        "lying-size": (one.replace(lie, struct.pack("<I", 10)), None),
        "letter": (pictures(1, types, ("word/document.xml", b"")), -1),
        "open-document": (pictures(1, ("mimetype", b"application/x"), ("content.xml", b"")), -1),
        "binary-workbook": (pictures(0, types, ("xl/workbook.bin", b"")), -1),
        "fake-workbook": (pictures(0, types, ("xl/workbook.xml", b"")), -1),
        "too-many": (pictures(0, *((f"{n}", b"") for n in range(20_001)), method=0), -1),
    }  # fmt: skip
    for name, (data, rows) in cases.items():
        yield Nasty(f"{name}.zip", data, rows)


def foreign() -> Iterator[Nasty]:
    text = csv_text([HEADER, *numbered(TEXTS)]).encode()
    rng = random.Random(7)
    cases = {
        "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "paper.csv": b"%PDF-1.7\n" + text,
        "packed.csv.gz": gzip.compress(text, mtime=0),
        "packed.csv.bz2": bz2.compress(text),
        "picture.csv": saved(two_halves(), "PNG"),
        "photo.xlsx": saved(two_halves(), "JPEG"),
        "moving.zip": saved(two_halves(), "GIF"),
        "database.csv": b"SQLite format 3\0" + bytes(500),
        "page.xls": b"<html><table><tr><td>1</td></tr></table></html>",
        "sheet.xml": b'<?xml version="1.0"?><Workbook/>',
        "letter.rtf": b"{\\rtf1 hello}",
        "encrypted.parquet": b"PARE\x15\0" + bytes(90) + b"PARE",
        "begun.parquet": b"PAR1\x15\x04",
        **{f"random-{n}.csv": rng.randbytes(3_000) for n in range(8)},
    }
    for name, data in cases.items():
        yield Nasty(name, data, -1)
    for wrong in ("xlsx", "zip", "parquet", "jsonl", "txt"):
        yield Nasty(f"a-csv.{wrong}", text, len(TEXTS))
    yield Nasty("a-workbook.csv", workbook(numbered(TEXTS[:20])), 20)
    yield Nasty("a-parquet.xlsx", parquet(), 3)
