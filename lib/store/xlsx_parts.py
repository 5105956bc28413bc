"""The parts of an XLSX archive: which sheets there are, shared texts, and what styles mean."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import IO
from xml.etree.ElementTree import Element, fromstring, iterparse
from zipfile import ZipFile

from openpyxl.styles.numbers import (
    BUILTIN_FORMATS,
    STRIP_RE,
    is_date_format,
    is_timedelta_format,
)

from lib.core.errors import BadInput
from lib.store.cells import mended

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ESCAPED_LETTER = re.compile(r"\\.|[_*].|AM/PM|A/P", re.IGNORECASE)
# Formats of East Asian Excels, which the files never spell out.
_EASTERN_DATES = dict.fromkeys([*range(27, 32), 36, *range(50, 55), 57, 58], "yyyy-mm-dd")


@dataclass(frozen=True, slots=True)
class DateStyle:
    """What a number in this style is: a date alone, a duration, or a date with a time."""

    date_only: bool
    duration: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """`sheets` are the archive names of worksheets by title; `styles` only those that are dates."""

    sheets: dict[str, str]
    texts: str | None
    styles: dict[int, DateStyle]
    from_1904: bool


def local(element: Element) -> str:
    """The tag without its namespace: strict and transitional files differ only there."""
    return element.tag.rpartition("}")[2]


def elements(file: IO[bytes], name: str, last: str) -> Iterator[Element]:
    """Each finished element called `name`, forgotten afterwards; stops at the end of `last`."""
    parents: list[Element] = []
    for event, element in iterparse(file, events=("start", "end")):
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        found = local(element)
        if found == name:
            yield element
            if parents:
                parents[-1].remove(element)
        elif found == last:
            return


def read_workbook(archive: ZipFile) -> Workbook:
    main = dict(_relations(archive, "").values()).get("officeDocument", "xl/workbook.xml")
    root = fromstring(archive.read(main))
    targets = _relations(archive, main)
    sheets: dict[str, str] = {}
    for sheet in root.iterfind("{*}sheets/{*}sheet"):
        relation = next((v for k, v in sheet.attrib.items() if k.endswith("}id")), "")
        kind, target = targets.get(relation, ("", ""))
        if kind == "worksheet":
            sheets.setdefault(sheet.get("name", ""), target)
    if not sheets:
        raise BadInput("The workbook has no worksheet.", "Put the table on a worksheet.")
    parts = {kind: target for kind, target in targets.values() if target in archive.namelist()}
    styles = parts.get("styles")
    properties = root.find("{*}workbookPr")
    return Workbook(
        sheets=sheets,
        texts=parts.get("sharedStrings"),
        styles=_date_styles(fromstring(archive.read(styles))) if styles else {},
        from_1904=properties is not None and properties.get("date1904") in ("1", "true"),
    )


def _relations(archive: ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Kind and archive name of each part that `part` refers to, by its id."""
    folder = dirname(part)
    root = fromstring(archive.read(join(folder, "_rels", f"{basename(part)}.rels")))
    return {
        relation.get("Id", ""): (
            relation.get("Type", "").rpartition("/")[2],
            normpath(join("/", folder, relation.get("Target", ""))).lstrip("/"),
        )
        for relation in root
    }


def _date_styles(root: Element) -> dict[int, DateStyle]:
    formats: dict[int, str] = {**BUILTIN_FORMATS, **_EASTERN_DATES}
    for own in root.iterfind("{*}numFmts/{*}numFmt"):
        formats[int(own.get("numFmtId", "0"))] = own.get("formatCode", "")
    styles = root.iterfind("{*}cellXfs/{*}xf")
    codes = [formats.get(int(style.get("numFmtId", "0")), "") for style in styles]
    return {number: _date_style(code) for number, code in enumerate(codes) if is_date_format(code)}


def _date_style(code: str) -> DateStyle:
    bare = _ESCAPED_LETTER.sub("", STRIP_RE.sub("", code.split(";")[0])).lower()
    timed = "h" in bare or "s" in bare
    return DateStyle(date_only=not timed, duration=is_timedelta_format(code))


def read_texts(file: IO[bytes]) -> list[str]:
    """The shared texts, in order, without formatting and reading aids."""
    return [text_of(item) for item in elements(file, "si", "sst")]


def text_of(item: Element) -> str:
    pieces = [piece.text or "" for piece in (*item.iterfind("{*}t"), *item.iterfind("{*}r/{*}t"))]
    return unescaped("".join(pieces))


def unescaped(text: str) -> str:
    """`_x000D_` stands for the character of that number, which XML could not carry."""
    if "_x" not in text:
        return text
    return mended(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text))
