"""A job's page: how right it is, its rows and files, another job beside it, and its buttons."""

import json
import time
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import kit
from lib.web.job_results import as_file, as_manifest
from tests.pages.conftest import Open
from tests.pages.test_classify import as_text, figures, prepared, problems, texts


@pytest.fixture
def page(open_page: Open) -> AppTest:
    return open_page(GEMINI_SDK="google-genai").switch_page("classify.py").run()


def finished(page: AppTest) -> AppTest:
    """The job's page once the job has ended."""
    page.button(key="cls_run").click().run()
    job, until = page.query_params["job"], time.monotonic() + 20
    while kit.app().jobs.get(as_text(job)).state in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return page.run()


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
    page.selectbox(key="cls_model").set_value("ollama/gemma3:4b").run()
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


def test_what_cut_off_calls_may_have_cost_stands_beside_the_sum(page: AppTest) -> None:
    """As after a kill: the call was opened and never said what it took."""
    done = finished(prepared(page))
    job = as_text(done.query_params["job"])
    kit.app().ledger.open("gemini/gemini-3.1-flash-lite", "job", Decimal("0.01"), job)
    (spent,) = (one for one in done.run().metric if one.label == "Spent")

    assert "$0.01" in spent.help
