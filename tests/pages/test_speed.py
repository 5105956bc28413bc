"""The section «Speed» of the models page: what is asked for, and watching it run."""

from pathlib import Path
from typing import Any

import pytest

from lib.web import kit, models_live
from tests.fakes import FakeServer
from tests.pages.conftest import Open
from tests.pages.speed_page import Go, drawn, kept, labels, lose_the_database, opener, said, table
from tests.unit.builders import GEMINI, OLLAMA, wait_until
from tests.unit.speed_rows import GPU, level
from tests.unit.test_speed_facts import CARD, nvidia_smi


@pytest.fixture
def models(open_page: Open) -> Go:
    return opener(open_page, "models.py")


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
    page.number_input(key="speed_in_ollama").set_value(64)
    page.number_input(key="speed_out_ollama").set_value(16)
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


def test_one_of_several_servers(fake: FakeServer, open_page: Open) -> None:
    """Where several have the model the form asks which; kept tests then say where they ran."""
    with FakeServer() as second:
        page = open_page(OLLAMA_HOST=f"{fake.url},{second.url}").switch_page("models.py").run()
        kept(host=second.url)
        page.pills(key="speed_streams_ollama").set_value([1])
        server = page.selectbox(key=f"speed_host_{OLLAMA}")
        assert server.options == [fake.url, second.url]
        server.set_value(second.url)
        page.button(key="speed_start").click().run()
        test = kit.app().speed_tests.all()[0]
        assert wait_until(lambda: kit.app().speed_tests.get(test.id).state == "done", 20)
        page.run()

    assert not page.exception
    assert len(second.asked) == kit.app().speed_tests.get(test.id).calls
    assert said(page).count(second.url.removeprefix("http://")) == 2  # its facts, the other's line


def test_one_server_is_no_question(models: Go) -> None:
    """Neither in the form nor in the facts of what was measured."""
    kept(host="http://10.0.0.2:11434")
    page = models()

    assert not [box for box in page.selectbox if box.label == "Server"]
    assert "10.0.0.2" not in said(page)


@pytest.mark.parametrize(("cards", "told"), [((CARD,), "RTX 4090 (nvidia-smi)"), ((), "not known")])
def test_which_gpu_will_be_noted(
    models: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: Any, told: str
) -> None:
    """The field shows what nvidia-smi says, and promises nothing where it says nothing."""
    nvidia_smi(tmp_path, monkeypatch, *cards)
    page = models()
    kit.lookout().look_again(5)
    page.run()

    assert page.selectbox(key="speed_gpu").proto.placeholder == told


def test_a_running_test_can_be_watched_and_stopped(models: Go) -> None:
    """Level, round and calls so far; no curve yet."""
    test = kept(level(1), state="running")
    page = models(speedtest=test.id)

    assert not page.exception
    assert "measuring" in said(page)
    assert page.button(key="speed_start").disabled
    assert "A test is running" in page.button(key="speed_start").help
    (bar,) = page.get("progress")
    assert bar.proto.value == 50  # one level of two
    assert not page.get("plotly_chart")
    page.button(key=f"speed_stop_{test.id}").click().run()
    assert kit.app().speed_tests.get(test.id).state == "stopped"


def test_an_idle_page_learns_that_a_test_began(models: Go) -> None:
    """In another tab or over the API; without the database it learns nothing, and does not fail."""
    models()
    idle = models_live.content(None)
    kept(state="running")
    begun = models_live.content(None)
    lose_the_database()

    assert begun != idle
    assert models_live.content(None) not in (idle, begun)


def test_the_form_is_in_the_address(models: Go) -> None:
    """A reload, or somebody who gets the link, finds what was chosen, a GPU of no list too."""
    page = models(
        speed_streams_ollama=["1", "16"],
        speed_in_ollama="64",
        speed_out_ollama="32",
        speed_gpu="GTX 970",
    )

    assert page.pills(key="speed_streams_ollama").value == [1, 16]
    assert page.number_input(key="speed_in_ollama").value == 64
    assert page.number_input(key="speed_out_ollama").value == 32
    assert page.selectbox(key="speed_gpu").value == "GTX 970"
