"""The estimate page: its figures, its link, and what it says when something does not work."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.estimate_input import parse
from lib.web import kit
from lib.web.estimate_api import EXAMPLE
from lib.web.estimate_view import as_csv, as_report, charts
from lib.work import estimates
from tests.pages.conftest import Open


@pytest.fixture
def page(open_page: Open, dead_address: str) -> AppTest:
    """The page as a visitor opens it, with no marketplace in reach."""
    opened = open_page(CLORE_API_URL=f"http://{dead_address}")
    return opened.switch_page("estimate.py").run()


def sentence(page: AppTest) -> str:
    return page.markdown[0].value


def figures(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_the_guides_hundred_million(page: AppTest) -> None:
    """The first look answers the question in a sentence somebody can repeat."""
    assert not page.exception
    assert r"half of them input, the API costs \$87.50" in sentence(page)
    assert r"\$191.63 and would be 8 % busy" in sentence(page)
    assert "Renting wins from 219 M tokens on" in sentence(page)
    assert figures(page) == {
        "API, a month": "$87.50",
        "1 × RTX 3060 12GB": "$191.63",
        "Renting saves": "−$104.13",
        "Renting wins from": "219 M",
    }


def test_a_preset_moves_everything(page: AppTest) -> None:
    """One click sets the guide's volume; number, slider, sentence and bills follow."""
    page.button(key="est_preset_1 B").click().run()

    assert page.number_input(key="est_mtok").value == 1000
    assert page.select_slider(key="est_volume").value == 1000
    assert figures(page)["API, a month"] == "$875.00"


def test_a_usual_request_is_one_click(page: AppTest) -> None:
    """A preset sets what goes in and comes out of a request."""
    page.button(key="est_preset_Documents").click().run()

    assert page.number_input(key="est_in").value == 4000
    assert page.number_input(key="est_out").value == 400


def test_the_slider_sets_the_number(page: AppTest) -> None:
    """The log slider and the exact number are one value."""
    page.select_slider(key="est_volume").set_value(30.0).run()

    assert page.number_input(key="est_mtok").value == 30
    assert figures(page)["API, a month"] == "$26.25"


def test_another_gpu_brings_its_typical_rent(page: AppTest) -> None:
    """Choosing a card takes its dated price along."""
    page.selectbox(key="est_gpu").set_value("RTX 4090").run()

    assert page.number_input(key="est_rent").value == pytest.approx(0.34, abs=0.2)
    assert "1 × RTX 4090" in figures(page)


def test_a_measured_speed_replaces_the_modelled_one(page: AppTest) -> None:
    """What was measured is used as given and is called measured."""
    page.number_input(key="est_decode").set_value(300.0)
    page.number_input(key="est_prefill").set_value(3000.0).run()

    assert any("measured" in caption.value for caption in page.caption)


def test_a_model_that_does_not_fit_says_so(page: AppTest) -> None:
    """No bill and no crossing for a model the card cannot hold."""
    page.selectbox(key="est_model").set_value("gemma3:27b").run()

    assert not page.exception
    assert "does not fit" in sentence(page)
    assert figures(page)["Renting wins from"] == "–"


def test_the_chart_has_both_sides_and_the_crossing(page: AppTest) -> None:
    """A line per API tier, the GPU's with its band, and a star where renting begins to win."""
    drawn = json.loads(page.get("plotly_chart")[0].proto.spec)
    names = {line.get("name") for line in drawn["data"]}

    assert {"API, standard", "API, batch", "API, flex", "API, priority"} <= names
    assert {"RTX 3060 12GB", "uncertain speed and rent", "renting wins from here"} <= names
    assert drawn["layout"]["xaxis"]["title"]["text"] == "tokens a month"


def test_without_the_marketplace_the_table_stands(page: AppTest) -> None:
    """An unreachable marketplace is told in a note; the dated price goes on."""
    page.toggle(key="est_live").set_value(True).run(timeout=30)

    assert not page.exception
    assert figures(page)["1 × RTX 3060 12GB"] == "$191.63"
    assert any("marketplace" in caption.value.lower() for caption in page.caption)


def test_the_link_holds_every_value(page: AppTest) -> None:
    """A copied link changes nothing when defaults change later."""
    link = page.code[0].value

    for part in ("est_mtok=100.0", "est_rent=0.25", "est_gpu=RTX+3060+12GB", "est_fee=5"):
        assert part in link


def test_files_hold_the_numbers(open_page: Open) -> None:
    """The CSV has the series; the report is one file with chart, sentences and assumptions."""
    open_page()
    found = estimates.run(kit.app(), parse_example())
    lines = as_csv(found).splitlines()
    figure = charts.cost(found, {}, estimates.band(found))
    report = as_report(found, figure)

    assert lines[0] == "tokens_per_month,api_usd,local_usd,gpus"
    assert len(lines) > 20
    assert "the API costs $87.50" in report
    assert "rental.usd_per_hour" in report
    assert 'src="http' not in report


def parse_example() -> object:
    parse(EXAMPLE)
    return EXAMPLE
