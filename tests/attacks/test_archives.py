"""Hostile tables and archives, sent as a job: refused at the door or read, never unpacked whole."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import httpx2
import pytest

from tests.api.conftest import Api
from tests.api.jobs import post, refusal
from tests.unit.nasty_archives import changed, laughing, workbook
from tests.unit.pictures import saved, two_halves

PNG = saved(two_halves(), "PNG")
SPEC = {"labels": ["GOOD", "BAD"]}
TABLE = {**SPEC, "text_column": "text"}
SHEET = "xl/worksheets/sheet1.xml"
BOOK = workbook([(1, "text 1", 1)])


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = 8) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        for name, data in (("good.png", PNG), *entries):
            packed.writestr(name, data)
    return out.getvalue()


def named(name: str) -> bytes:
    """The name as it stands, which `zipfile` would tidy; NULs and bad UTF-8 among them."""
    raw = name.encode("utf-8", "surrogateescape")
    return archive(("x" * len(raw), PNG)).replace(b"x" * len(raw), raw)


def link(target: bytes) -> bytes:
    """A symbolic link, as Unix packs one."""
    entry = zipfile.ZipInfo("link.png")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return archive((entry, target))


def overlapping(count: int) -> bytes:
    """Many entries that are all the same bytes of the file, as in the better zip bombs."""
    whole = archive(("a.png", zlib.compress(bytes(10**6))), method=8)
    start = whole.index(b"PK\x01\x02")
    directory, end = whole[start : whole.index(b"PK\x05\x06")], whole[whole.index(b"PK\x05\x06") :]
    entries = directory * count
    number, size = struct.pack("<H", 2 * count), struct.pack("<I", len(entries))
    return whole[:start] + entries + end[:8] + number + number + size + end[16:]


SLIPS = [
    "../a.png", "../../../../etc/a.png", "a/../../b.png", "/etc/passwd.png", "//host/a.png",
    "\\\\host\\a.png", "..\\a.png", "a\\..\\..\\b.png", "C:\\a.png", "c:a.png", "C:/a.png",
    "..", "./../a.png", "a/..", "a\0.png", "../a\0.png", "\0", "a/b/../../../c.png",
]  # fmt: skip
HARMLESS = [
    "...png", "a..b.png", ".../a.png", "~/a.png", "$HOME.png", "%2e%2e%2fa.png", "CON.png",
    "-rf.png", "a\nb.png", "=cmd|' /C calc'!A0.png",
    "<script>alert(1)</script>.png", "\u202egnp.exe.png",
    "ａ／．．／b.png", "x" * 5_000 + ".png", "a/" * 2_000 + "b.png", "..\u2215a.png",
]  # fmt: skip
BOMBS = {
    "of zeros": archive(("a.png", bytes(100_000_000))),
    "of zeros, no picture": archive(("a.txt", bytes(100_000_000))),
    "of entries": archive(*((f"{n}.png", b"") for n in range(20_001)), method=0),
    "of a lying size": archive(("a.png", bytes(200))).replace(
        struct.pack("<I", 200), struct.pack("<I", 2**32 - 2)
    ),
    "workbook of zeros": changed(BOOK, SHEET, lambda x: x.replace(b"text 1", b"a" * 100_000_000)),
    "workbook of laughs": changed(BOOK, SHEET, laughing),
    "workbook of another file": changed(
        BOOK, SHEET, lambda x: b'<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        + x.replace(b"text 1", b"&e;"),
    ),
    "workbook of deep boxes": changed(
        BOOK, SHEET, lambda x: x.replace(b"<is>", b"<is>" + b"<r>" * 900_000)
    ),
    "workbook out of its folder": changed(
        BOOK, "xl/_rels/workbook.xml.rels", lambda x: x.replace(b"worksheets/", b"../../../etc/")
    ),
}  # fmt: skip
# What these could do is not done, so they are ordinary files.
READ = {
    "of archives": archive(
        *((f"{n}.png", archive(("a", bytes(10**7)))) for n in range(99)), method=0
    ),
    "of itself": overlapping(9_000),
    "of comments": archive()[:-2] + b"\xff\xff" + b"x" * 65_535,
    "workbook of an address": changed(
        BOOK, SHEET, lambda x: b'<!DOCTYPE w SYSTEM "http://127.0.0.1:9/a.dtd">' + x
    ),
}  # fmt: skip


def entered(api: Api, data: bytes, name: str = "a.zip") -> httpx2.Response:
    return post(api, data, SPEC if data[30:38] == b"good.png" else TABLE, name)


@pytest.mark.parametrize("name", SLIPS)
def test_no_entry_climbs_out(api: Api, name: str) -> None:
    """An archive with one such name is refused as a whole, and nothing is written by that name."""
    assert refusal(entered(api, named(name))) == (422, "bad_input")


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_name_is_just_a_text(api: Api, name: str) -> None:
    """Such a name is the row's text; files on the disk have names of our own."""
    folder = api.app.settings.data_dir
    before = names_in(folder)
    answer = entered(api, named(name))
    new = names_in(folder) - before

    assert answer.status_code == 202, answer.text
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in new if "." not in one)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and "uploads" in path.parts}


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../data/password", b"/proc/self/environ"])
def test_a_link_is_not_followed(api: Api, target: bytes) -> None:
    """A link's target is data of a broken picture, and no file of this machine."""
    job = entered(api, link(target)).json()["job_id"]

    assert target not in api.get(f"/jobs/{job}/results").content


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused(api: Api, case: str) -> None:
    """Bad input or too large, and the server goes on."""
    assert refusal(entered(api, BOMBS[case])) in ((422, "bad_input"), (413, "too_large"))


@pytest.mark.parametrize("case", READ)
def test_what_is_not_followed_does_no_harm(api: Api, case: str) -> None:
    """Archives in archives stay packed, and no address in a workbook is asked for anything."""
    assert entered(api, READ[case]).status_code == 202


def test_a_repeated_name_is_a_row_each(api: Api) -> None:
    """Two entries of one name, of which readers see one or the other, are both rows."""
    data = archive(("a.png", PNG), ("b.png", PNG)).replace(b"b.png", b"a.png")
    job = entered(api, data).json()["job_id"]

    assert api.get(f"/jobs/{job}").json()["rows_total"] == 3


def test_a_shared_text_does_not_multiply(api: Api) -> None:
    """A sheet may say one long text in every row by its number: 2 GB in a file of 200 kB."""
    shared = b"<si><t>%s</t></si>" % b"".join(b"%06d " % (n * 7919 % 10**6) for n in range(15_000))
    row = b'<row><c><v>%d</v></c><c t="s"><v>0</v></c><c><v>1</v></c></row>'
    cells = b"".join(row % (n * 7919 % 10**6) for n in range(20_000))
    data = changed(BOOK, SHEET, lambda x: x.replace(b"</sheetData>", cells + b"</sheetData>"))
    relation = b'<Relationship Id="t" Type="x/sharedStrings" Target="sharedStrings.xml"/>'
    end = b"</Relationships>"
    out = io.BytesIO(
        changed(data, "xl/_rels/workbook.xml.rels", lambda x: x.replace(end, relation + end))
    )
    with zipfile.ZipFile(out, "a", 8) as book:
        space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        book.writestr("xl/sharedStrings.xml", b'<sst xmlns="%s">%s</sst>' % (space, shared))
    data = out.getvalue()

    assert len(data) < 200_000
    assert refusal(post(api, data, TABLE, "a.xlsx")) == (413, "too_large")
