"""From nothing to a measured GPU in a real Chromium: pull a model, time it, price with it."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import READY, Start
from tests.fakes import FakeServer

pytestmark = pytest.mark.browser

MODEL = "smollm2:135m"  # 271 MB
SLOWLY = 70e6  # bytes a second: time enough for a reload in the middle


@pytest.fixture
def box() -> Iterator[FakeServer]:
    """A machine with an Ollama on a GPU of known speed."""
    with FakeServer(prefill_tok_s=20_000.0, decode_tok_s=1_000.0) as server:
        server.ollama.bytes_per_s = SLOWLY
        yield server


@pytest.fixture
def page(start: Start, box: FakeServer, chromium: Browser) -> Iterator[Page]:
    site = start(APP_AUTH="off", OLLAMA_HOST=box.url, EMBEDDED_MODEL="off")
    with chromium.new_context(viewport={"width": 1200, "height": 844}) as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{site.url}/models")
        page.wait_for_selector(READY)
        yield page


def choose(box: Locator, text: str) -> None:
    box.click()
    box.press_sequentially(text)
    box.page.get_by_role("option", name=text).first.click()


def pull_with_a_reload(page: Page) -> None:
    page.get_by_text("Get a model").click()
    page.get_by_role("textbox", name="Any other model").fill(MODEL)
    page.get_by_role("button", name="Pull it").click()
    going = page.get_by_test_id("stProgress")
    expect(going).to_contain_text(re.compile(r"\d+ MB of 271 MB · .*MB/s · .* left"))
    page.reload()
    expect(going).to_contain_text(re.compile(r"\d+ MB of 271 MB"))


def test_pull_measure_and_price(page: Page) -> None:
    """A reload in the middle loses nothing; the estimate says that its speed was measured."""
    pull_with_a_reload(page)
    expect(page.get_by_text(f"{MODEL} is here.")).to_be_visible()
    expect(page.get_by_text("Ollama 0.33.0 · 4 models")).to_be_visible()
    choose(page.get_by_role("combobox", name="Model", exact=True), "ollama/gemma3:4b")
    choose(page.get_by_role("combobox", name="GPU", exact=True), "RTX 3060 12GB")
    for streams in ("2", "4", "8"):
        page.get_by_role("button", name=streams, exact=True).click()
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("link", name="Use in the estimate").click()

    expect(
        page.get_by_text("Measured: gemma3:4b Q4_K_M · Ollama 0.33.0 · RTX 3060 12GB")
    ).to_be_visible()
    expect(page.get_by_text(re.compile(r"Answers: [\d,.]+ tok/s measured"))).to_be_visible()


def test_a_deleted_model_leaves_no_question_behind(page: Page) -> None:
    """The question closes with the answer: a second click must not delete the next model."""
    choose(page.get_by_role("combobox", name="Model to load or delete"), "llama3.2:3b")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Delete llama3.2:3b (2.0 GB)")).to_be_visible()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Ollama 0.33.0 · 2 models")).to_be_visible()

    expect(page.get_by_role("button", name="Delete it")).to_have_count(0)


def test_phone_width(visit: Callable[..., Page]) -> None:
    """At 390 px nothing is wider than the screen, and every button can be reached."""
    page = visit("/models", width=390, dark=True)
    page.get_by_text("Get a model").first.click()
    for name in ("Delete", "Pull it", "Ask again"):
        button = page.get_by_role("button", name=name).last
        expect(button).to_be_visible()
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
