"""Speed tests that were made: curves, tables, comparing, opening, deleting, taking along."""

import html

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.errors import Unreachable
from lib.core.speed import Interval
from lib.web import kit
from tests.pages.conftest import Open
from tests.pages.speed_page import Go, drawn, kept, opener, said, table
from tests.unit.builders import GEMINI, VLLM
from tests.unit.speed_rows import level


@pytest.fixture
def models(open_page: Open) -> Go:
    return opener(open_page, "models.py")


def carried(page: AppTest) -> dict[str, str]:
    """What the link to the estimate carries."""
    (link,) = page.get("html")
    address, _, rest = link.proto.body.removeprefix('<a href="').partition('"')
    assert rest.endswith(">Use the result in the estimate</a>")
    page_path, _, query = html.unescape(address).partition("?")
    assert page_path == "estimate"
    return dict(pair.split("=") for pair in query.split("&"))


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


def test_more_than_can_be_read_is_a_lower_bound(models: Go) -> None:
    """From vLLM so much comes that this server is what is measured; the figure says «at least»."""
    kept(level(1), level(32, 110.0), model=VLLM, engine="vLLM")
    page = models()

    assert list(table(page)["answer tok/s"]) == ["40.0 ± 2.0", "≥ 3,520 ± 2"]
    assert "≥: at least. This app reads some 3,000 tokens a second" in said(page)
    kept(level(32, 110.0))
    page = models()
    assert list(table(page)["answer tok/s"]) == ["3,520 ± 2"]
    assert "at least" not in said(page)


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
    """The list has every test; a click puts it into the address and opens it in its place."""
    older = kept(model="ollama/llama3.2:3b")
    newer = kept()
    page = models()
    assert f"speed_open_{newer.id}" not in {button.key for button in page.button}  # it is open
    page.button(key=f"speed_open_{older.id}").click().run()

    assert page.query_params["speedtest"] == older.id
    assert page.button(key=f"speed_open_{newer.id}")
    assert [one.value for one in page.subheader][-1] == "Speed"  # nothing moved away
    assert "Measured so far (2)" in said(page)
    assert "**llama3.2:3b" in said(page)


def test_whoever_comes_for_a_test_sees_it_first(models: Go) -> None:
    """Speed stands above the servers; without a test in the address it is below them."""
    page = models(speedtest=kept().id)

    assert page.subheader[0].value == "Speed"


def test_a_test_beyond_the_newest_is_shown(models: Go) -> None:
    """A link leads to it though the list shows the newest ten only."""
    oldest = kept(model="ollama/llama3.2:3b")
    for _ in range(11):
        kept()

    assert "**llama3.2:3b" in said(models(speedtest=oldest.id))


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
    """Its speeds and where they are from; another level is one click. What the estimate begins
    with anyway is left out, or Streamlit takes it out: each time a step more for Back."""
    test = kept()
    page = models()
    four = carried(page)
    page.segmented_control(key=f"speed_use_{test.id}").set_value(1).run()

    assert four == {
        "est_decode": "120.0",
        "est_prefill": "1000.0",
        "est_measured": f"{test.id}%3A4",
    }
    assert carried(page)["est_decode"] == "40.0"
    assert carried(page)["est_streams"] == "1"
    assert carried(page)["est_measured"] == f"{test.id}%3A1"


def test_the_link_carries_what_it_was_measured_on(models: Go) -> None:
    """A GPU brings its rent, as when it is chosen there."""
    kept(model="ollama/llama3.1:8b", gpu="RTX 4090")
    found = carried(models())

    assert (found["est_model"], found["est_gpu"]) == ("llama3.1%3A8b", "RTX+4090")
    assert float(found["est_rent"]) > 0


def test_what_the_estimate_does_not_know_is_left_out_and_told(models: Go) -> None:
    """A model or GPU outside its tables is chosen there; a queue carries the streams it served."""
    kept(level(8, served=2), model="vllm/own/model", engine="vLLM", gpu="GTX 970")
    page = models()

    assert carried(page).keys() == {
        "est_decode", "est_prefill", "est_streams", "est_engine", "est_measured",
    }  # fmt: skip
    assert carried(page)["est_streams"] == "2"
    assert "no figures for own/model, GTX 970" in said(page)


def test_a_vllms_model_is_known_by_its_repository(models: Go) -> None:
    """The estimate counts it by Ollama's tag; what is quantised otherwise it does not know."""
    kept(model="vllm/Qwen/Qwen3-4B", engine="vLLM")
    page = models()

    assert carried(page)["est_model"] == "qwen3%3A4b"
    assert "no figures for" not in said(page)
    kept(model="vllm/Qwen/Qwen3-4B-AWQ", engine="vLLM")
    assert "no figures for Qwen/Qwen3-4B-AWQ" in said(models())


def test_a_level_too_slow_to_be_written_is_not_offered(models: Go) -> None:
    """The estimate's fields have two digits; a speed of 0.00 is none."""
    test = kept(level(1, 0.004), level(2, 0.02, prompt_tok_s=Interval(0.001, None, None)))
    page = models()

    assert page.segmented_control(key=f"speed_use_{test.id}").options == ["2"]
    assert carried(page)["est_decode"] == "0.04"
    assert "est_prefill" not in carried(page)


def test_an_api_has_no_gpu_to_rent(models: Go) -> None:
    """Its speed can be seen, not carried over."""
    kept(model=GEMINI, engine="Gemini API", gpu=None)
    page = models()

    assert drawn(page, "speed_rates")["answer tok/s"]["x"] == [1, 4]
    assert not page.get("html")
