"""Measured speeds on the estimate page: said to be, of what, and whether that still fits."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.speed import Interval
from lib.store.speed_tests import SpeedTest
from lib.web import kit
from tests.pages.conftest import Open
from tests.pages.speed_page import Go, kept, labels, lose_the_database, opener, said
from tests.unit.speed_rows import GPU, level


@pytest.fixture
def estimate(open_page: Open) -> Go:
    return opener(open_page, "estimate.py")


def warned(page: AppTest) -> str:
    return "\n".join(one.value for one in page.warning).replace("\\", "")


def taken(test: SpeedTest) -> dict[str, str]:
    """What the link carries, as the address of the estimate page has it."""
    return {
        "est_decode": "120.0",
        "est_prefill": "1000.0",
        "est_streams": "4",
        "est_gpu": GPU,
        "est_measured": f"{test.id}:4",
    }


def test_the_estimate_says_that_it_is_measured(estimate: Go) -> None:
    """Which model on what, when and with how many streams; both speeds are called measured."""
    page = estimate(**taken(kept()))

    assert not page.exception
    assert "120.0 tok/s :green-badge[measured] · prompts: 1,000 tok/s :green-badge" in said(page)
    assert "The speed is as given: 120 tokens a second" in said(page)
    told = f"gemma3:4b Q4_K_M · Ollama 0.33.0 · {GPU} · 4 streams · "
    assert re.search(rf"{re.escape(told)}\d+ \w+ \d{{4}} · 512 in, 128 out", said(page))
    assert not page.warning


def test_without_a_measurement_the_speeds_are_modelled(estimate: Go) -> None:
    """And said to be, each with its band."""
    page = estimate()

    assert said(page).count(":gray-badge[modelled]") == 2
    assert "Use what you measured here" not in labels(page)


def test_what_was_changed_since_is_told_and_can_be_set_back(estimate: Go) -> None:
    """Another GPU or number of streams: the speed may be another; one click undoes it."""
    page = estimate(**taken(kept()))
    page.selectbox(key="est_gpu").set_value("RTX 4090")
    page.number_input(key="est_streams").set_value(8).run()

    assert f"GPU (measured: {GPU}), requests at the same time (measured: 4)" in warned(page)
    page.button(key="est_preset_back").click().run()
    assert not page.warning
    assert page.selectbox(key="est_gpu").value == GPU
    assert page.number_input(key="est_rent").value == 0.25


def test_a_typed_speed_is_not_called_measured(estimate: Go) -> None:
    """Over a measured one, or without any test: it was entered. The other one stays measured."""
    page = estimate(**taken(kept()))
    page.number_input(key="est_decode").set_value(77.0).run()
    assert "77.0 tok/s :blue-badge[entered] · prompts: 1,000 tok/s :green-badge" in said(page)

    page.button(key="est_preset_modelled").click().run()
    page.number_input(key="est_prefill").set_value(500.0).run()
    assert "prompts: 500.0 tok/s :blue-badge[entered]" in said(page)


def test_it_can_be_dropped(estimate: Go) -> None:
    """The modelled speeds stand again, and the address forgets the test."""
    page = estimate(**taken(kept()))
    page.button(key="est_preset_modelled").click().run()

    assert said(page).count(":gray-badge[modelled]") == 2
    assert "est_measured" not in page.query_params
    assert "est_measured" not in page.code[0].value


def test_a_measured_estimates_link_holds_the_test(estimate: Go) -> None:
    """Whoever opens it on this server sees where the speed is from."""
    test = kept()

    assert f"est_measured={test.id}%3A4" in estimate(**taken(test)).code[0].value


def test_a_test_that_is_gone_leaves_its_speeds(estimate: Go) -> None:
    """The figures are in the link; only where they are from is not known any more."""
    test = kept()
    kit.app().speed_tests.delete(test.id)
    page = estimate(**taken(test))

    assert not page.exception
    assert "not on this server any more" in said(page)
    assert "120.0 tok/s :green-badge[measured]" in said(page)


def test_what_was_measured_here_is_offered(estimate: Go) -> None:
    """For the chosen model, engine and GPU: the newest test, at the streams nearest to those."""
    kept(level(4, 1.0))
    kept(level(1, 50.0), level(3, 30.0), level(16, 10.0))
    kept(level(4, 99.0), gpu="RTX 4090")
    page = estimate()
    page.button(key="est_preset_measured").click().run()

    assert not page.exception
    assert page.number_input(key="est_decode").value == 90
    assert page.number_input(key="est_streams").value == 3
    assert not page.warning
    assert "**Measured:**" in said(page)


def test_a_very_slow_measurement_is_taken(estimate: Go) -> None:
    """A large model on a processor: no speed is dropped without a word."""
    test = kept(level(4, 0.01, prompt_tok_s=Interval(0.05, None, None)))
    page = estimate(**taken(test) | {"est_decode": "0.04", "est_prefill": "0.05"})

    assert said(page).count(":green-badge[measured]") == 2
    assert page.number_input(key="est_decode").value == 0.04
    assert not page.warning


def test_without_the_database_the_estimate_stands(estimate: Go) -> None:
    """What was measured is not known then; the chart, the files and the details are there."""
    page = estimate()
    lose_the_database()
    page.run()

    assert len(page.error) == 1
    assert page.get("plotly_chart")
    assert page.get("download_button")


def test_a_model_of_vllm_counts_by_its_tag(estimate: Go) -> None:
    """The note has its true name and says as what it is counted; measured here, it is offered."""
    test = kept(level(4, 30.0), model="vllm/Qwen/Qwen3-4B", engine="vLLM")
    query = taken(test) | {"est_model": "qwen3:4b", "est_engine": "vllm"}
    page = estimate(**query)

    assert "Qwen/Qwen3-4B counts as qwen3:4b in the estimate" in said(page)
    assert not page.warning
    del query["est_measured"]
    for name in ("est_decode", "est_prefill", "est_measured"):
        page.query_params.pop(name, None)
    page = estimate(**{name: query[name] for name in ("est_model", "est_engine", "est_gpu")})
    assert "Use what you measured here" in labels(page)


def test_an_unknown_model_is_told_on_the_estimate(estimate: Go) -> None:
    """Memory and rent are those of what is chosen there, the speeds are the measured ones."""
    test = kept(level(4, 30.0), model="ollama/own:1b", gpu=None)
    query = {name: value for name, value in taken(test).items() if name != "est_gpu"}
    page = estimate(**query)

    assert "no figures for own:1b, a GPU nobody named" in said(page)
    assert not page.warning
