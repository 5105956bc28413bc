"""What the classify page makes of files: tables, pasted lines, pictures, broken ones."""

import io
import zipfile

import pytest
from openpyxl import Workbook
from streamlit.testing.v1 import AppTest

from lib.web import kit
from lib.web.classify_file import as_table
from tests.api.pictures import picture
from tests.pages.conftest import Open
from tests.pages.test_classify import figures, problems, texts, upload


@pytest.fixture
def page(open_page: Open) -> AppTest:
    return open_page(GEMINI_SDK="google-genai").switch_page("classify.py").run()


def test_a_file_is_understood(page: AppTest) -> None:
    """Kind, rows and columns are told, and the longest text is proposed."""
    upload(page, "id;remark;place\n1;a long remark about it;here\n2;another remark;there\n")

    assert "CSV, 2 rows, 3 columns\\: id, remark, place" in texts(page)
    assert page.selectbox(key="cls_text").value == "remark"


@pytest.mark.parametrize(
    ("data", "said", "step"),
    [
        (b"", "The file is empty", "Accepted are CSV"),
        (b"%PDF-1.7 x", "a PDF", "Save its table"),
        (b"\xd0\xcf\x11\xe0 old", "old Excel file", "save it as XLSX"),
        (b'{"a": 1}\n{"a": \n', "2", ""),
        (b"a,b\n1,2,3\n", "Record 1", "double quotes"),
    ],
)
def test_a_broken_file_says_what_to_do(page: AppTest, data: bytes, said: str, step: str) -> None:
    """The error names what is wrong and the next step, and no draft is begun."""
    upload(page, data, "x.csv")

    assert not page.exception
    assert said in problems(page)
    assert step in problems(page)
    assert "draft" not in page.query_params
    assert not list((kit.app().settings.data_path / "uploads").glob("*"))


def test_pasted_lines_are_rows(page: AppTest) -> None:
    """Each line is a text, whatever commas it holds."""
    page.text_area(key="cls_paste").set_value('good, "really"\n\nbad; I think').run()
    page.button(key="cls_use_paste").click().run()

    assert "CSV, 2 rows, 1 columns\\: text" in texts(page)


def test_cells_from_a_spreadsheet_keep_their_columns() -> None:
    """Tabs in every line make a table; otherwise the line is the text."""
    assert as_table("text\tmood\nfine, so far\tgood\n").splitlines()[1] == b'"fine, so far","good"'
    assert as_table("a\tb\nc\n").splitlines()[0] == b'"text"'


def test_pictures_are_rows(page: AppTest) -> None:
    """A ZIP of pictures needs no text column; its rows are tried as pictures."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.png", picture())
        archive.writestr("b.png", picture(size=(20, 20)))
    upload(page, packed.getvalue(), "pictures.zip")
    page.button(key="cls_preset_Document classes").click().run()
    page.button(key="cls_try").click().run()

    assert not page.exception
    assert "ZIP, 2 pictures" in texts(page)
    assert figures(page)["Calls"] == "2"


def test_several_pictures_are_packed(page: AppTest) -> None:
    """Pictures chosen together become one file; two of the same name are both kept."""
    uploader = page.file_uploader(key="cls_upload")
    for size in ((16, 16), (20, 20)):
        uploader.upload("a.png", picture(size=size), "image/png")
    page.run()

    assert not page.exception
    assert "ZIP, 2 pictures" in texts(page)


def test_a_sheet_can_be_chosen(page: AppTest) -> None:
    """Another sheet has other columns, and the choice of columns follows."""
    book, out = Workbook(), io.BytesIO()
    book.active.append(["one"])
    book.active.append(["a text"])
    second = book.create_sheet("second")
    second.append(["other", "mood"])
    second.append(["another text", "good"])
    book.save(out)
    upload(page, out.getvalue(), "book.xlsx")
    assert page.selectbox(key="cls_text").value == "one"
    page.selectbox(key="cls_sheet").set_value("second").run()

    assert not page.exception
    assert "2 columns\\: other, mood" in texts(page)
    assert page.selectbox(key="cls_text").value == "other"


def test_a_blind_model_is_told_for_pictures(page: AppTest) -> None:
    """The refusal names what the model cannot read."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.png", picture())
    upload(page, packed.getvalue(), "pictures.zip")
    page.button(key="cls_preset_Document classes").click().run()
    page.selectbox(key="cls_model").set_value("ollama/llama3.2:3b").run()
    page.button(key="cls_try").click().run()

    assert "cannot read image input" in problems(page)
