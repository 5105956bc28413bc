"""Workbooks and archives of pictures, and how far they may unpack."""

import zipfile
from datetime import date, datetime, time, timedelta
from io import BytesIO

import openpyxl
import pytest
from openpyxl.chart import BarChart

from lib.core.errors import BadInput, TooLarge
from lib.store import archive_bounds
from lib.store.row_files import Table
from tests.unit.nasty_archives import changed, pictures, saved_book
from tests.unit.pictures import saved, two_halves


def book(*rows, formats: dict[str, str] | None = None) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for cell, code in (formats or {}).items():
        made.active[cell].number_format = code
    return saved_book(made)


def everything(table: Table) -> list[tuple[str | None, ...]]:
    return list(table.texts(*table.columns))


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (date(2026, 1, 5), "yyyy-mm-dd", "2026-01-05"),
        (datetime(2026, 1, 5), "d. mmmm yyyy", "2026-01-05"),
        (datetime(2026, 1, 5, 14, 30), "yyyy-mm-dd h:mm", "2026-01-05T14:30:00"),
        (datetime(2026, 1, 5), "dd/mm/yy hh:mm:ss", "2026-01-05T00:00:00"),
        (datetime(2026, 1, 5), "[$-409]mmm d, yyyy;@", "2026-01-05"),
        (datetime(2026, 1, 5), '"had" yyyy', "2026-01-05"),
        (time(14, 30), "h:mm AM/PM", "14:30:00"),
        (timedelta(hours=36, minutes=5), "[h]:mm:ss", "36:05:00"),
        (0.5, "0%", "0.5"),
        (46027, '0 "days"', "46027"),
        (True, "General", "TRUE"),
        (12, "General", "12"),
        (12.0, "General", "12"),
        (-0.25, "General", "-0.25"),
        (123456789012345, "General", "123456789012345"),
        ("007", "General", "007"),
        ("#N/A", "General", "#N/A"),
        (-5.0, "yyyy-mm-dd", "1899-12-25"),
        (9_999_999, "yyyy-mm-dd", "9999999"),
    ],
)
def test_a_cell_of_a_sheet_is_the_text_a_person_means(opened, value, code, text):
    table = opened(book(["a", "b"], [value, "end"], formats={"A2": code}))

    assert everything(table) == [(text, "end")]


def test_dates_of_a_mac_workbook_are_right(opened):
    made = openpyxl.Workbook()
    made.epoch = openpyxl.utils.datetime.MAC_EPOCH
    made.active.append(["d"])
    made.active.append([date(2026, 1, 5)])

    assert everything(opened(saved_book(made))) == [("2026-01-05",)]


def test_a_formula_gives_its_stored_value(opened):
    data = book(["a", "b"], ["=1+1", "x"])
    sheet = "xl/worksheets/sheet1.xml"
    data = changed(data, sheet, lambda xml: xml.replace(b"</f><v />", b"</f><v>2</v>"))

    assert everything(opened(data)) == [("2", "x")]


def test_empty_rows_in_the_middle_stay_and_those_at_the_end_go(opened):
    table = opened(book([], ["a", "b"], ["1", "x"], [], ["2", "y"], [], [None, ""]))

    assert everything(table) == [("1", "x"), (None, None), ("2", "y")]


def test_a_merged_cell_has_its_text_once(opened):
    made = openpyxl.Workbook()
    for row in (["a", "b"], ["x", "1"], [None, "2"]):
        made.active.append(row)
    made.active.merge_cells("A2:A3")

    assert everything(opened(saved_book(made))) == [("x", "1"), (None, "2")]


def test_sheets_are_chosen_by_title_and_charts_are_none(opened):
    made = openpyxl.Workbook()
    made.active.title = "First"
    made.active.append(["a"])
    made.active.append(["1"])
    made.create_chartsheet("Chart", 0).add_chart(BarChart())
    made.create_sheet("Second").append(["b"])
    made["Second"].append(["2"])
    data = saved_book(made)

    assert opened(data).sheets == ("First", "Second")
    assert everything(opened(data)) == [("1",)]
    assert everything(opened(data, "Second")) == [("2",)]
    with pytest.raises(BadInput, match="'Chart'") as caught:
        opened(data, "Chart")
    assert "'First', 'Second'" in caught.value.hint


def test_a_row_wider_than_the_header_is_refused_with_its_number(opened):
    table = opened(book(["a"], ["1"], ["2", "x"]))

    with pytest.raises(BadInput, match="Row 3 "):
        everything(table)


def test_characters_a_workbook_escapes_are_read(opened):
    data = book(["a"], ["one_x000D_two _x005F_x0041_ _xD83D__xDE00_ _xD83D_"])

    assert everything(opened(data)) == [("one\rtwo _x0041_ \U0001f600 \ufffd",)]


def test_a_workbook_in_the_strict_form_is_read(opened):
    """Strict workbooks differ in their namespaces."""
    data = book(["a"], ["x"])
    for part in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"):
        old, new = b"schemas.openxmlformats.org/spreadsheetml/2006", b"purl.oclc.org/ooxml/s"
        data = changed(data, part, lambda xml, old=old, new=new: xml.replace(old, new))

    assert everything(opened(data)) == [("x",)]


def test_pictures_come_in_archive_order_and_only_pictures(opened):
    gif = saved(two_halves(), "GIF")
    others = (("b/2.GIF", gif), ("__MACOSX/._1.png", b"x"), ("notes.txt", b"x"), ("no-ending", gif))
    table = opened(pictures(1, *others))

    assert table.kind == "zip"
    assert table.columns == ("file",)
    assert everything(table) == [("1.png",), ("b/2.GIF",), ("no-ending",)]
    assert table.picture(0) == saved(two_halves(), "PNG")
    assert table.picture(2) == gif
    with pytest.raises(BadInput, match="no picture 4"):
        table.picture(3)


def test_a_broken_picture_fails_alone(opened):
    data = pictures(2, method=0)
    place = data.index(b"IDAT")
    table = opened(data[:place] + b"XXXX" + data[place + 4 :])

    with pytest.raises(BadInput, match="not what its directory says"):
        table.picture(0)
    assert table.picture(1) == saved(two_halves(), "PNG")


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/x.png", "..\\x.png", "C:x.png"])
def test_a_climbing_name_is_refused(opened, name):
    with pytest.raises(BadInput, match="leads out"):
        opened(pictures(1, (name, b"x")))


@pytest.mark.parametrize("zeros", [1_000_000, 5_000_000])
def test_a_bomb_is_refused_be_it_of_pictures_or_a_workbook(opened, zeros):
    bomb = BytesIO(book(["a"], ["x"]))
    with zipfile.ZipFile(bomb, "a", 8) as archive:
        archive.writestr("xl/media/image1.png", bytes(zeros))

    for data in (pictures(1, ("2.png", bytes(zeros))), bomb.getvalue()):
        with pytest.raises(BadInput, match="200 times"):
            opened(data)


def test_more_than_a_gigabyte_is_refused_before_it_is_unpacked(opened, monkeypatch):
    monkeypatch.setattr(archive_bounds, "MOST_BYTES", 1_000)

    with pytest.raises(TooLarge, match="1 GB"):
        opened(pictures(20))


def test_too_many_entries_are_refused(opened):
    with pytest.raises(TooLarge, match="20,000 entries"):
        opened(pictures(0, *((str(n), b"") for n in range(20_001)), method=0))


def test_an_entry_larger_than_its_directory_says_is_refused_while_reading(opened):
    picture = saved(two_halves(), "PNG")
    data = pictures(1)
    short = data.replace(len(picture).to_bytes(4, "little"), (20).to_bytes(4, "little"))
    table = opened(short)

    with pytest.raises(BadInput, match="not what its directory says"):
        table.picture(0)


@pytest.mark.parametrize("name", ["word/document.xml", "ppt/presentation.xml", "xl/workbook.bin"])
def test_other_office_documents_are_no_archives_of_pictures(opened, name):
    with pytest.raises(BadInput, match="no picture"):
        opened(pictures(1, ("[Content_Types].xml", b"<x/>"), (name, b"x")))


def test_an_archive_without_pictures_is_refused(opened):
    with pytest.raises(BadInput, match="no picture"):
        opened(pictures(0, ("a.txt", b"x")))
