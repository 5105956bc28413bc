"""From nothing to a measured GPU in a real Chromium: pull a model, time it, price with it."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import READY, Start
from tests.fakes import FakeServer
from tests.unit.builders import wait_until

pytestmark = pytest.mark.browser

MODEL = "smollm2:135m"  # 271 MB
SLOWLY = 10e6  # bytes a second: half a minute, time enough for a reload in the middle


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


def pull_with_a_reload(page: Page, box: FakeServer) -> None:
    page.get_by_text("Get a model").click()
    page.get_by_role("textbox", name="Any other model").fill(MODEL)
    page.get_by_role("button", name="Pull it").click()
    going = page.get_by_test_id("stProgress")
    expect(going).to_contain_text(re.compile(r"\d+ MB of 271 MB · .*MB/s · .* left"))
    page.reload()
    expect(going).to_contain_text(re.compile(r"\d+ MB of 271 MB"))
    box.ollama.bytes_per_s = 0  # the rest at once


def change_look_and_come_back(page: Page) -> None:
    """From the estimate to the test and Back: what was typed is there, after one step."""
    speed = page.get_by_role("spinbutton", name="Answer tok/s")
    speed.fill("77")
    speed.press("Enter")
    expect(page.get_by_text("Answers: 77.0 tok/s entered")).to_be_visible()
    page.get_by_role("link", name="See the test").click()
    expect(page.get_by_role("link", name="Use the result in the estimate")).to_be_visible()
    page.go_back()
    expect(speed).to_have_value("77.00")


def test_pull_measure_and_price(page: Page, box: FakeServer) -> None:
    """A reload in the middle loses nothing; the estimate says that its speed was measured."""
    pull_with_a_reload(page, box)
    expect(page.get_by_text(f"{MODEL} is here.")).to_be_visible()
    expect(page.get_by_text("Ollama 0.33.0 · 4 models")).to_be_visible()
    choose(page.get_by_role("combobox", name="Model", exact=True), "ollama/gemma3:4b")
    choose(page.get_by_role("combobox", name="GPU", exact=True), "RTX 3060 12GB")
    for streams in ("2", "4", "8"):
        page.get_by_role("button", name=streams, exact=True).click()
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("link", name="Use the result in the estimate").click()

    expect(
        page.get_by_text("Measured: gemma3:4b Q4_K_M · Ollama 0.33.0 · RTX 3060 12GB")
    ).to_be_visible()
    expect(page.get_by_text(re.compile(r"Answers: [\d,.]+ tok/s measured"))).to_be_visible()
    change_look_and_come_back(page)


def test_a_deleted_model_leaves_no_question_behind(page: Page) -> None:
    """The question closes with the answer: a second click must not delete the next model."""
    choose(page.get_by_role("combobox", name="Model to load or delete"), "llama3.2:3b")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Delete llama3.2:3b (2.0 GB)")).to_be_visible()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Ollama 0.33.0 · 2 models")).to_be_visible()

    expect(page.get_by_role("button", name="Delete it")).to_have_count(0)


def measure(page: Page, model: str) -> None:
    """A short speed test over the API, to its end."""
    body = {"model": model, "streams": [1], "input_tokens": 64, "output_tokens": 16}
    tests = urljoin(page.url, "/api/speedtests")
    assert page.request.post(tests.removesuffix("s"), data=body).status == 202
    newest = page.request.get(tests).json()["speedtests"][0]["speedtest_id"]
    assert wait_until(lambda: page.request.get(f"{tests}/{newest}").json()["state"] == "done", 20)


def test_a_deleted_speed_test_leaves_no_question_behind(page: Page) -> None:
    """The next test is shown then, and an open question would be about that one."""
    for model in ("ollama/gemma3:4b", "ollama/llama3.2:3b"):
        measure(page, model)
    page.reload()
    expect(page.get_by_role("button", name="gemma3:4b Q4_K_M")).to_be_visible()  # the older one
    page.get_by_role("button", name="Delete").last.click()
    expect(page.get_by_text("Delete these figures?")).to_be_visible()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Measured so far (1)")).to_be_visible()

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
