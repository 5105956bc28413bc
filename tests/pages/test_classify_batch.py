"""The classify page and Gemini's Batch API: the switch, its price, a job that waits at Google."""

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import kit
from lib.work import batch_chunk
from tests.pages.conftest import Open
from tests.pages.test_classify import as_text, figures, prepared, texts, upload
from tests.unit.builders import wait_until


@pytest.fixture
def page(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(batch_chunk, "FIRST_LOOK_S", 0.05)
    return open_page(GEMINI_SDK="google-genai").switch_page("classify.py").run()


def cost(page: AppTest) -> float:
    return float(figures(page)["Cost"].removeprefix("$"))


def test_the_switch_halves_the_estimate(page: AppTest) -> None:
    """The trial stays good: the same answers at half the price, and no time is promised."""
    prepared(page).button(key="cls_try").click().run()
    singly = cost(page)
    page.toggle(key="cls_batch").set_value(True).run()

    assert not page.exception
    assert cost(page) == pytest.approx(singly / 2, rel=0.05)
    assert figures(page)["Time"] == "–"
    assert "up to 24 hours, as a batch" in texts(page)


def waiting(page: AppTest, *rows: str) -> str:
    """The id of a batch job, begun on the page, whose rows all wait at Google."""
    upload(page, "\n".join(["text", *rows, ""]))
    page.button(key="cls_preset_Sentiment").click().run()
    page.toggle(key="cls_batch").set_value(True).run()
    page.button(key="cls_run").click().run()
    job = as_text(page.query_params["job"])
    assert wait_until(lambda: (kit.app().jobs.get(job).waiting or 0).rows == len(rows))
    page.run()
    return job


def test_a_job_says_that_its_rows_wait_at_google(page: AppTest) -> None:
    """Since when, and for how long at most; what it takes nobody knows yet. It then ends like any
    other."""
    job = waiting(page, "row 1 is positive #takes=1.5", "row 2 is negative")

    assert not page.exception
    assert "2 rows wait at Google since" in texts(page)
    assert "waiting" in page.markdown[0].value
    assert figures(page)["Spent"] == "–"
    assert wait_until(lambda: kit.app().jobs.get(job).state == "done", 20)
    page.run()
    assert "wait at Google" not in texts(page)
    assert figures(page)["Spent"].startswith("$")


def test_a_single_row_waits_in_the_singular(page: AppTest) -> None:
    waiting(page, "row 1 is positive #takes=1.5")

    assert "1 row waits at Google since" in texts(page)


def test_only_gemini_has_the_switch(page: AppTest) -> None:
    prepared(page)
    page.selectbox(key="cls_model").set_value("ollama/gemma3:4b").run()

    assert not page.exception
    assert "cls_batch" not in {toggle.key for toggle in page.toggle}
