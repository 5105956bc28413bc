"""The section «Speed» of the models page: measuring, watching, curves, comparing, taking along."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.errors import Unreachable
from lib.core.speed import Interval
from lib.web import kit
from tests.pages.conftest import Open
from tests.pages.speed_page import Go, kept, labels, opener, said
from tests.unit.builders import GEMINI, OLLAMA, wait_until
from tests.unit.speed_rows import GPU, level


@pytest.fixture
def models(open_page: Open) -> Go:
    return opener(open_page, "models.py")


def drawn(page: AppTest, key: str) -> dict[str, Any]:
    """A chart of the page, by the traces' names."""
    (found,) = (one for one in page.get("plotly_chart") if key in one.proto.id)
    return {line["name"]: line for line in json.loads(found.proto.spec)["data"]}


def table(page: AppTest) -> Any:
    """The figures of the shown test, the last table but those of a comparison."""
    return page.dataframe[-1].value


def the_link(page: AppTest) -> Any:
    (found,) = (one for one in page.get("page_link") if one.proto.label == "Use in the estimate")
    return found.proto


def carried(page: AppTest) -> dict[str, str]:
    """What the link to the estimate carries."""
    return dict(pair.split("=") for pair in the_link(page).query_string.split("&"))


def test_nothing_measured_teaches(models: Go) -> None:
    """A first visitor finds the form, local models first, and what will stand here."""
    page = models()

    assert not page.exception
    assert page.selectbox(key="speed_model").value == OLLAMA
    assert page.pills(key="speed_streams_ollama").value == [1, 2, 4, 8]
    assert "Nothing was measured yet" in said(page)
    assert not page.get("plotly_chart")


def test_without_a_model_it_says_how_to_get_one(open_page: Open, dead_address: str) -> None:
    """No form that could only fail."""
    off = {"GOOGLE_API_KEY": "", "VLLM_BASE_URL": "", "OLLAMA_HOST": f"http://{dead_address}"}
    page = open_page(**off).switch_page("models.py").run()

    assert not page.exception
    assert "There is no model to measure yet" in said(page)
    assert "Measure" not in labels(page)


def test_what_it_takes_is_said_first(models: Go) -> None:
    """How many calls, and for an API at most how much money; more streams take more of both."""
    page = models()
    assert "Takes 54 to 99 calls" in said(page)
    page.selectbox(key="speed_model").set_value(GEMINI).run()
    page.pills(key=f"speed_streams_{GEMINI.partition('/')[0]}").set_value([1]).run()

    # 8 calls of 512 tokens at $0.25 and 128 at $1.50 a million
    assert "Takes 5 to 8 calls, warm-up included. That costs at most about $0.0026" in said(page)


def test_no_streams_no_button(models: Go) -> None:
    """It says what to do instead."""
    page = models()
    page.pills(key="speed_streams_ollama").set_value([]).run()

    assert "Choose how many streams" in said(page)
    assert "Measure" not in labels(page)


def test_measured_on_the_page(models: Go) -> None:
    """«Measure» runs a test; while it runs its progress is there, then its curves and table."""
    page = models()
    page.pills(key="speed_streams_ollama").set_value([1, 2])
    page.number_input(key="speed_in").set_value(64)
    page.number_input(key="speed_out").set_value(16)
    page.selectbox(key="speed_gpu").set_value(GPU)
    page.button(key="speed_start").click().run()
    (test,) = kit.app().speed_tests.all()
    assert page.query_params["speedtest"] == test.id
    assert wait_until(lambda: kit.app().speed_tests.get(test.id).state == "done", 20)
    page.run()

    assert not page.exception
    assert f"gemma3:4b Q4_K_M · Ollama 0.33.0 · {GPU}" in said(page)
    assert drawn(page, "speed_rates")["answer tok/s"]["x"] == [1, 2]
    assert list(table(page)["streams"]) == ["1", "2"]


def test_a_running_test_can_be_watched_and_stopped(models: Go) -> None:
    """Level, round and calls so far; no curve yet."""
    test = kept(level(1), state="running")
    page = models(speedtest=test.id)

    assert not page.exception
    assert "measuring" in said(page)
    (bar,) = page.get("progress")
    assert bar.proto.value == 50  # one level of two
    assert not page.get("plotly_chart")
    page.button(key=f"speed_stop_{test.id}").click().run()
    assert kit.app().speed_tests.get(test.id).state == "stopped"


def test_a_curve_shows_both_speeds_with_their_intervals(models: Go) -> None:
    """The newest test is shown without being asked for; tokens a second and first tokens."""
    kept()
    page = models()
    rates = drawn(page, "speed_rates")

    assert rates["answer tok/s"]["x"] == [1, 4]
    assert rates["answer tok/s"]["y"] == [40, 120]
    assert rates["answer tok/s"]["error_y"]["array"] == [2, 2]
    assert rates["prompt tok/s"]["error_y"]["arrayminus"] == [30, 30]
    assert drawn(page, "speed_first")["95 % within"]["y"] == [700, 2800]
    assert drawn(page, "speed_first")["median"]["y"] == [512, 512]


def test_the_table_has_every_figure(models: Go) -> None:
    """Each level's figures, with ± and units; what is unknown is –."""
    kept(level(1), level(2, None, prompt_tok_s=Interval(987.6, None, None), served=0, failed=2))
    found = table(models())

    assert list(found["answer tok/s"]) == ["40.0 ± 2.0", "–"]
    assert list(found["prompt tok/s"]) == ["1,000 ± 30", "987.6"]
    assert list(found["each stream"]) == ["40.0", "–"]
    assert list(found["first token, median"]) == ["512 ms", "512 ms"]
    assert list(found["failed"]) == ["0", "2"]


def test_a_server_with_a_queue_is_told(models: Go) -> None:
    """Fewer answered at once than were asked: how many, and what raises it."""
    kept(level(1), level(4, served=2, failed=1))
    page = models()

    assert "At 4 streams no more than 2 answered at the same time" in said(page)
    assert "OLLAMA_NUM_PARALLEL" in said(page)
    assert "At 4 streams 1 of 12 calls failed" in said(page)


def test_two_tests_in_one_chart(models: Go) -> None:
    """The other one is dotted, and each line says whose it is."""
    other, test = kept(level(1, 20.0), model="ollama/llama3.2:3b"), kept()
    page = models(speedtest=test.id)
    page.selectbox(key="speed_other").set_value(other.id).run()
    rates = drawn(page, "speed_rates")

    assert not page.exception
    dotted = [line for line in rates.values() if line["line"]["dash"] == "dot"]
    assert [line["y"] for line in dotted] == [[1000], [20]]
    assert all(line["name"].endswith("· B") for line in dotted)
    assert "**B:** llama3.2:3b" in said(page)
    assert page.query_params["speed_with"] == other.id


def test_kept_ones_are_a_click_away(models: Go) -> None:
    """The list has every test; a click puts it into the address and shows it."""
    older = kept(model="ollama/llama3.2:3b")
    kept()
    page = models()
    page.button(key=f"speed_open_{older.id}").click().run()

    assert page.query_params["speedtest"] == older.id
    assert "Measured so far (2)" in said(page)
    assert "**llama3.2:3b" in said(page)


def test_a_link_to_a_test_that_is_gone(models: Go) -> None:
    """It says so, and the others are there."""
    kept()
    page = models(speedtest="0" * 28)

    assert not page.exception
    assert any("no such speed test" in one.value for one in page.error)
    assert "Measured so far (1)" in said(page)


def test_a_failed_test_says_why(models: Go) -> None:
    """With the next step, and with the levels it had finished."""
    kept(level(1), state="failed", error=Unreachable("The model's server cannot be reached."))
    page = models()

    assert any("cannot be reached" in one.value for one in page.error)
    assert drawn(page, "speed_rates")["answer tok/s"]["x"] == [1]


def test_delete(models: Go) -> None:
    """After a second click it is gone, and the page shows the next one."""
    older, newer = kept(), kept()
    page = models(speedtest=newer.id)
    page.button(key=f"speed_delete_{newer.id}").click().run()

    assert [test.id for test in kit.app().speed_tests.all()] == [older.id]
    assert not page.exception
    assert "Measured so far (1)" in said(page)


def test_the_link_to_the_estimate_carries_the_fastest_level(models: Go) -> None:
    """Its speeds, what it was measured on, and where from; another level is one click."""
    test = kept()
    page = models()
    four = carried(page)
    page.segmented_control(key=f"speed_use_{test.id}").set_value(1).run()

    assert four == {
        "est_decode": "120.0",
        "est_prefill": "1000.0",
        "est_streams": "4",
        "est_model": "gemma3%3A4b",
        "est_engine": "ollama",
        "est_gpu": "RTX+3060+12GB",
        "est_rent": "0.25",
        "est_measured": f"{test.id}%3A4",
    }
    assert carried(page)["est_decode"] == "40.0"
    assert carried(page)["est_measured"] == f"{test.id}%3A1"


def test_what_the_estimate_does_not_know_is_left_out_and_told(models: Go) -> None:
    """A model or GPU outside its tables is chosen there; a queue carries the streams it served."""
    kept(level(8, served=2), model="vllm/own/model", engine="vLLM", gpu="GTX 970")
    page = models()

    assert carried(page).keys() == {
        "est_decode", "est_prefill", "est_streams", "est_engine", "est_measured",
    }  # fmt: skip
    assert carried(page)["est_streams"] == "2"
    assert "no figures for own/model, GTX 970" in said(page)


def test_an_api_has_no_gpu_to_rent(models: Go) -> None:
    """Its speed can be seen, not carried over."""
    kept(model=GEMINI, engine="Gemini API", gpu=None)
    page = models()

    assert drawn(page, "speed_rates")["answer tok/s"]["x"] == [1, 4]
    assert not [one for one in page.get("page_link") if "estimate" in one.proto.label]
