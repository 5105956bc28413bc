"""The classify page: from a file to tried rows, an estimate, a job and how right it is."""

import io
import json
import time
import zipfile
from collections.abc import Iterator

import pytest
from openpyxl import Workbook
from streamlit.testing.v1 import AppTest

from lib.web import kit
from lib.web.classify_file import as_table
from lib.web.job_results import as_file, as_manifest
from tests.api.pictures import picture
from tests.pages.conftest import Open

ROWS = "\n".join(
    ["text,mood"]
    + [f"row {n} is {mood},{mood}" for n, mood in enumerate(["good", "bad", "so-so"] * 8)]
    + ["row 24 is good,bad", "row 25 #say=nonsense,good", "row 26 is bad,unknown"]
)


@pytest.fixture
def page(open_page: Open) -> Iterator[AppTest]:
    return open_page(GEMINI_SDK="google-genai").switch_page("classify.py").run()


def texts(page: AppTest) -> str:
    return " ".join(part.value for part in [*page.markdown, *page.caption, *page.info])


def problems(page: AppTest) -> str:
    return " ".join(part.value for part in page.error)


def figures(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def upload(page: AppTest, data: bytes | str, name: str = "moods.csv") -> AppTest:
    data = data.encode() if isinstance(data, str) else data
    page.file_uploader(key="cls_upload").upload(name, data)
    return page.run()


def prepared(page: AppTest) -> AppTest:
    """The file above, its gold column, the labels taken from it."""
    upload(page, ROWS)
    page.selectbox(key="cls_gold").set_value("mood").run()
    return page.button(key="cls_take_labels").click().run()


def finished(page: AppTest) -> AppTest:
    """The job's page once the job has ended."""
    page.button(key="cls_run").click().run()
    job, until = page.query_params["job"], time.monotonic() + 20
    while kit.app().jobs.get(as_text(job)).state in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return page.run()


def as_text(param: object) -> str:
    return str(param[0] if isinstance(param, list) else param)


def test_the_first_look_says_what_it_is_for(page: AppTest) -> None:
    """An empty page names what it does, offers a sample, and tells where jobs will be."""
    assert not page.exception
    assert "how often it is right" in texts(page)
    assert "A job labels every row" in texts(page)
    assert page.button(key="cls_sample").label == "Use sample reviews"


def test_the_sample_goes_all_the_way(page: AppTest) -> None:
    """Sample, trial, estimate and job need four clicks and no knowledge."""
    page.button(key="cls_sample").click().run()
    assert "CSV, 400 rows, 3 columns" in texts(page)
    assert page.selectbox(key="cls_gold").value == "sentiment"

    page.button(key="cls_try").click().run()
    assert "of 20 rows right" in texts(page)
    assert figures(page)["Calls"] == "400"
    assert figures(page)["Cost"].startswith("$0.00")

    page.button(key="cls_run").click().run()
    assert not page.exception
    assert page.title[0].value == "sample reviews"
    assert "draft" not in page.query_params


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


def test_a_trial_counts_what_is_right(page: AppTest) -> None:
    """Accuracy on the tried rows, with the interval few rows allow."""
    prepared(page).button(key="cls_try").click().run()

    assert not page.exception
    assert "**100% of 20 rows right**" in texts(page)
    assert "between 84% and 100%" in texts(page)
    assert figures(page)["Calls"] == "27"


def test_rows_that_cannot_be_judged_are_told(page: AppTest) -> None:
    """Nothing is left out silently."""
    upload(page, ROWS)
    page.selectbox(key="cls_gold").set_value("mood").run()
    page.button(key="cls_preset_Sentiment").click().run()

    assert "0 rows have one of these labels" in texts(page)
    assert "27 have another text there" in texts(page)


def test_without_labels_there_is_nothing_to_run(page: AppTest) -> None:
    """The next step is named instead of an error."""
    upload(page, ROWS)

    assert "Name at least two labels" in texts(page)
    assert "cls_run" not in {button.key for button in page.button}


def test_a_wrong_label_list_is_named(page: AppTest) -> None:
    """What the spec refuses is shown before anything is sent."""
    upload(page, ROWS)
    page.button(key="cls_preset_Sentiment").click().run()
    editor = f"cls_labels_{page.session_state['cls_version']}"
    page.session_state[editor] = {
        "edited_rows": {"1": {"name": "positive"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    page.run()

    assert "two of them are the same" in problems(page)
    assert "cls_run" not in {button.key for button in page.button}


def test_examples_come_from_own_rows(page: AppTest) -> None:
    """Two of each label where there are two; what that does to the accuracy is said."""
    prepared(page).button(key="cls_take_examples").click().run()

    prompt = page.code[0].value
    assert prompt.count("[assistant]") == 7  # «unknown» has one row only
    assert "accuracy may look up to 25.9%" in texts(page)


def test_none_of_these_is_a_label(page: AppTest) -> None:
    """The checkbox adds it to the prompt."""
    prepared(page).checkbox(key="cls_none").check().run()

    assert "- none of these: no other label fits" in page.code[0].value


def test_a_changed_task_makes_the_trial_old(page: AppTest) -> None:
    """An estimate never belongs to another task than the one shown."""
    prepared(page).button(key="cls_try").click().run()
    page.text_area(key="cls_instruction").set_value("Mood of the row").run()

    assert "The task has changed" in texts(page)
    assert not page.metric


def test_a_failing_model_is_told_with_its_step(page: AppTest) -> None:
    """What stops a trial is shown like any other error, and the page goes on."""
    upload(page, "text\nx #fault=bad_key\ny\n")
    page.button(key="cls_preset_Sentiment").click().run()
    page.button(key="cls_try").click().run()

    assert "key" in problems(page)
    assert not page.exception


def test_a_reload_finds_the_draft(page: AppTest, open_page: Open) -> None:
    """File, columns, labels and instruction are there again under the link."""
    prepared(page).text_area(key="cls_instruction").set_value("Mood of it").run()
    again = open_page(GEMINI_SDK="google-genai")
    again.query_params["draft"] = as_text(page.query_params["draft"])
    again.switch_page("classify.py").run()

    assert "CSV, 27 rows" in texts(again)
    assert again.selectbox(key="cls_gold").value == "mood"
    assert again.text_area(key="cls_instruction").value == "Mood of it"
    assert "- so-so" in again.code[0].value


@pytest.mark.parametrize("name", ["../playground.db", "0" * 32, "' OR 1=1 --"])
def test_a_forged_draft_is_an_empty_page(page: AppTest, name: str) -> None:
    """A link somebody made up opens no file."""
    page.query_params["draft"] = name
    page.run()

    assert not page.exception
    assert page.button(key="cls_sample")


def test_an_upload_that_looks_like_a_draft_opens_nothing_else(page: AppTest) -> None:
    """The content of a file is never taken for a path."""
    name, path = kit.app().uploads.new()
    path.write_text(json.dumps({"name": name, "upload": "../playground.db", "file": "x"}))
    page.query_params["draft"] = name
    page.run()

    assert not page.exception
    assert page.button(key="cls_sample")


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
    page.selectbox(key="model").set_value("ollama/llama3.2:3b").run()
    page.button(key="cls_try").click().run()

    assert "cannot read image input" in problems(page)


def test_a_finished_job_says_how_right_it_is(page: AppTest) -> None:
    """Accuracy over the rows that can be judged, cost, and the failed row."""
    done = finished(prepared(page))

    assert not done.exception
    assert figures(done)["Failed rows"] == "1"
    assert figures(done)["Right"] == "88.9%"  # 24 of 27: two wrong, one failed
    assert "27 rows are judged" in texts(done)
    assert "cls_replay" in {button.key for button in done.button}


def test_a_cell_of_the_matrix_opens_its_rows(page: AppTest) -> None:
    """The two choices under the matrix show the rows of that cell."""
    done = finished(prepared(page))
    done.selectbox(key="cls_cell_gold").set_value("bad")
    done.selectbox(key="cls_cell_given").set_value("good").run()

    rows = done.dataframe[-1].value
    assert list(rows["text"]) == ["row 24 is good"]


def test_files_hold_every_row(page: AppTest) -> None:
    """Each format and the manifest are made from the job's results, and nothing is left behind."""
    done = finished(prepared(page))
    job = as_text(done.query_params["job"])

    assert as_file(job, "csv").decode().splitlines()[1].startswith("row 0 is good,good,good")
    assert len(as_file(job, "jsonl").splitlines()) == 27
    assert as_file(job, "xlsx")[:2] == b"PK"
    assert as_file(job, "parquet")[:4] == b"PAR1"
    assert json.loads(as_manifest(job))["spec"]["gold_column"] == "mood"


def test_rows_can_be_filtered(page: AppTest) -> None:
    """Failed rows alone, with the reason in words."""
    done = finished(prepared(page))
    done.session_state["cls_tab"] = "Rows"
    done.run()
    done.selectbox(key="cls_show").set_value("failed rows").run()

    rows = done.dataframe[-1].value
    assert list(rows["problem"]) == ["the answer was no label"]


def test_the_same_rows_again_can_be_compared(page: AppTest) -> None:
    """A second job with another model stands beside the first."""
    first = as_text(finished(prepared(page)).query_params["job"])
    page.button(key="cls_again").click().run()
    page.selectbox(key="model").set_value("ollama/gemma3:4b").run()
    done = finished(page)
    done.session_state["cls_tab"] = "Compare"
    done.run()
    done.selectbox(key="cls_with").set_value(first).run()

    assert not done.exception
    assert figures(done)["Same label"] == "100.0%"
    assert "exactly the same rows" in texts(done)


def test_deleting_asks_first_and_goes_back(page: AppTest) -> None:
    """The job with its file is gone, and the list is shown."""
    done = finished(prepared(page))
    done.button(key="cls_delete").click().run()

    assert not done.exception
    assert not kit.app().jobs.all()
    assert "job" not in done.query_params


def test_a_job_that_is_gone_is_told(page: AppTest) -> None:
    """A stale link says so and shows all the others."""
    page.query_params["job"] = "0" * 28
    page.run()

    assert "There is no such job" in problems(page)
    assert "Jobs (0)" in {header.value for header in page.subheader}


def test_a_job_stopped_by_its_budget_says_how_to_go_on(page: AppTest) -> None:
    """The error, the money spent, and the button that raises the bound."""
    prepared(page).number_input(key="cls_budget").set_value(0.0001).run()
    over = finished(page)
    assert "budget" in problems(over)
    over.number_input(key="cls_new_budget").set_value(1.0).run()
    over.button(key="cls_raise").click().run()

    job = as_text(over.query_params["job"])
    assert kit.app().jobs.get(job).budget_usd == 1
