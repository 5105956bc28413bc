"""Text files nobody wants: odd, broken, in every encoding; rows carry their own numbers."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

HEADER = ("n", "text", "again")
TEXTS = (
    "plain", "", "NA", "null", " spaced ", "=1+1", "-5", "007", "1e5", "a,b", "a;b", "a\tb",
    'say "yes"', "two\r\nlines", "two\nlines", "\"", "@home", "true", "2026-01-05", "-", "'=x",
    "caf\u00e9", "\u201equoted\u201c", "nul\x00inside", "\x1b[31m",
)  # fmt: skip
WIDE = ("\u65e5\u672c\u8a9e", "\U0001f600", "\u2028separated", "\u0627\u0644", "\ufffe", "e\u0301")
LONG = "long " * 20_000


@dataclass(frozen=True, slots=True)
class Nasty:
    """`rows` is how many a reader must find; None when it may also refuse. -1: must refuse."""

    name: str
    data: bytes
    rows: int | None


def numbered(texts: Sequence[str]) -> list[tuple[str, str, str]]:
    """Rows that carry their own number in the first and the last column."""
    return [(str(n), text, str(n)) for n, text in enumerate(texts, start=1)]


def csv_text(rows: Sequence[Sequence[str]], delimiter=",", end="\n", quoting=csv.QUOTE_MINIMAL):
    out = StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue()


def good_csv() -> Iterator[Nasty]:
    marks = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
    for encoding in (*marks, "cp1252"):
        texts = TEXTS if encoding == "cp1252" else TEXTS + WIDE
        for delimiter, name in ((",", "comma"), (";", "semicolon"), ("\t", "tab")):
            for end in ("\n", "\r\n", "\r"):
                # Python leaves LF unquoted when lines end with CR.
                for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)[end == "\r" :]:
                    rows = [HEADER, *numbered(texts)]
                    text = csv_text(rows, delimiter, end, quoting)
                    data = marks.get(encoding, b"") + text.encode(encoding)
                    yield Nasty(f"{encoding}-{name}-{end!r}-{quoting}.csv", data, len(texts))


def odd_csv() -> Iterator[Nasty]:
    head = b"n,text,again\n"
    cases: dict[str, tuple[bytes, int | None]] = {
        "no-last-newline": (head + b"1,a,1\n2,b,2", 2),
        "blank-lines": (b"\n\r\n" + head + b"\n\n1,a,1\n\n2,b,2\n\n", 2),
        "undefined-1252": (head + b"1,\x81\x8d\x8f\x90\x9d \xe9 plain text,1\n", 1),
        "huge-cell": (head + b"1," + b"x" * 1_000_000 + b",1\n", 1),
        "many-lines-in-a-cell": (head + b'1,"' + b"x\n" * 9_999 + b'",1\n2,b,2\n', 2),
        "quote-in-the-middle": (head + b'1,5" pipe,1\n2,6" pipe,2\n', 2),
        "mixed-ends": (head + b"1,a,1\r\n2,b,2\r3,c,3\n", 3),
        "tabs-called-csv": (b"n\ttext\tagain\n1\ta, b; c\t1\n", 1),
        "semicolons-in-commas": (head + b"1,a;b;c,1\n2,;;,2\n", 2),
        "too-many-cells": (head + b"1,a,1\n2,b,2,x\n", -1),
        "unclosed": (head + b'1,a,1\n2,"b,2\n3,c,3\n', -1),
        "unclosed-at-the-end": (head + b'1,a,1\n2,b,"', -1),
        "header-only": (head, -1),
        "header-without-end": (b"n,text,again", -1),
        "empty": (b"", -1),
        "only-a-mark": (b"\xef\xbb\xbf", -1),
        "only-a-wide-mark": (b"\xff\xfe", -1),
        "only-blank": (b"\r\n \n\n", -1),
        "half-a-wide-letter": ("n,text,again\n1,a,1\n".encode("utf-16") + b"x", None),
        "lone-surrogate": (b"\xff\xfe" + b"n\0,\0t\0\n\x001\0,\0\x00\xd8", None),
        "one-column": (b"text\nhello\nworld; yes\n", None),
        "wide-without-mark": ("n,text,again\n1,a,1\n".encode("utf-16-le"), -1),
        "nothing-but-nul": (b"\0" * 5_000, -1),
        "too-wide": (b"," * 20_000 + b"\n1\n", -1),
        "only-delimiters": (b",,\n,,\n", None),
        "sep-line": (b"sep=;\nn;text;again\n1;a;1\n", None),
    }
    for name, (data, rows) in cases.items():
        yield Nasty(f"{name}.csv", data, rows)


def jsonl(rows: Sequence[Sequence[str]], end: str = "\n", ascii_only: bool = False) -> str:
    lines = (dict(zip(HEADER, row, strict=True)) for row in rows)
    return end.join(json.dumps(line, ensure_ascii=ascii_only) for line in lines) + end


def good_jsonl() -> Iterator[Nasty]:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        texts = TEXTS if encoding == "cp1252" else TEXTS + WIDE
        for end in ("\n", "\r\n", "\n\n", "\n \t\n"):
            for ascii_only in (False, True):
                data = jsonl(numbered(texts), end, ascii_only).encode(encoding)
                yield Nasty(f"{encoding}-{end!r}-{ascii_only}.jsonl", data, len(texts))


def bad_jsonl() -> Iterator[Nasty]:
    good = b'{"n":1,"text":"a","again":1}\n'
    second: dict[str, tuple[bytes, int | None]] = {
        "half-pair": (b'{"n":2,"text":"\\ud83d","again":2}', 2),
        "nested": (b'{"n":2,"text":{"a":[1,{"b":null}]},"again":2}', 2),
        "big-integer": (b'{"n":2,"text":' + b"9" * 4_000 + b',"again":2}', 2),
        "twice": (b'{"n":9,"n":2,"text":1.10,"text":1e400,"again":2}', 2),
        "spaced": (b'  { "n" : 2 , "again" : 2 }  ', 2),
        "huge": (b'{"n":2,"text":"' + b"x" * 500_000 + b'","again":2}', 2),
        "minus-zero": (b'{"n":2,"text":-0.0,"again":2}', 2),
        "exponents": (b'{"n":2,"text":[1e-99999999999999999999,1E+5],"again":2}', 2),
        "nan": (b'{"n":NaN}', -1),
        "infinity": (b'{"n":-Infinity}', -1),
        "number": (b"5", -1),
        "list": (b"[1]", -1),
        "null": (b"null", -1),
        "broken": (b'{"n":2', -1),
        "two-on-a-line": (b'{"n":2}{"n":3}', -1),
        "single-quotes": (b"{'n':2}", -1),
        "trailing-comma": (b'{"n":2},', -1),
        "raw-control": (b'{"n":"a\x01b"}', -1),
        "too-long-integer": (b'{"n":' + b"9" * 5_000 + b"}", -1),
        "too-deep": (b'{"n":' + b"[" * 500 + b"]" * 500 + b"}", -1),
        "far-too-deep": (b'{"n":' + b"[" * 200_000 + b"]" * 200_000 + b"}", -1),
    }
    for name, (line, rows) in second.items():
        yield Nasty(f"{name}.jsonl", good + line + b"\n", rows)
    yield Nasty("array.json", b'[{"n":1},{"n":2}]', -1)
    yield Nasty("pretty.json", b'{\n  "n": 1\n}\n', -1)
    yield Nasty("no-keys.jsonl", b"{}\n{}\n", -1)
