"""The classify page: from a file to tried rows, an estimate and the start of a job."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import kit
from tests.pages.conftest import Open

ROWS = "\n".join(
    ["text,mood"]
    + [f"row {n} is {mood},{mood}" for n, mood in enumerate(["good", "bad", "so-so"] * 8)]
    + ["row 24 is good,bad", "row 25 #say=nonsense,good", "row 26 is bad,unknown"]
)


@pytest.fixture
def page(open_page: Open) -> AppTest:
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
