"""Journeys through the usage page in a real Chromium."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Site

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


@pytest.fixture(autouse=True)
def asked(site: Site) -> None:
    """A call to the API and one to a local model."""
    for model in ("gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b"):
        answer = httpx2.post(
            f"{site.url}/api/chat", headers={"Authorization": f"Bearer {PASSWORD}"},
            json={"message": "hello #tokens=20", "model": model}, timeout=20,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text


def chart(page: Page):
    return page.locator(".js-plotly-plot").first


def idle(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def test_the_choices_are_in_the_address(visit: Visit) -> None:
    """Period, measure and table: somebody who gets the address sees the same."""
    page = visit("/usage")
    expect(chart(page)).to_be_visible()
    idle(page)
    page.get_by_role("radio", name="7 days").click()
    page.get_by_role("radio", name="Tokens").click()
    expect(chart(page)).to_contain_text("tokens in and out")
    idle(page)
    page.get_by_role("tab", name="Newest calls").click()
    expect(page.get_by_role("tab", name="Newest calls")).to_have_attribute("aria-selected", "true")
    page.wait_for_url("**table=Newest**")
    other = page.context.new_page()
    other.goto(page.url)

    expect(other.get_by_role("radio", name="7 days")).to_be_checked()
    expect(chart(other)).to_contain_text("tokens in and out")
    expect(other.get_by_role("tab", name="Newest calls")).to_have_attribute("aria-selected", "true")


def test_a_deleted_plan_leaves_no_question_behind(visit: Visit) -> None:
    """The next plan is shown then, and an open question would be about that one."""
    page = visit("/estimate")
    for name in ("first", "second"):
        page.get_by_role("button", name="Save as a plan").click()
        page.get_by_role("textbox", name="Name").fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text(f"«{name}» is saved.")).to_be_visible()
        page.keyboard.press("Escape")
    page.get_by_role("link", name="Usage").first.click()
    for left in (1, 0):
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("button", name="Delete it")).to_have_count(0)
        expect(page.get_by_role("combobox", name="Plan")).to_have_count(left)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width(visit: Visit, dark: bool) -> None:
    """At 390 px figures and chart are readable, and nothing is wider than the screen."""
    page = visit("/usage", width=390, dark=dark)
    expect(page.get_by_test_id("stMetric").first).to_contain_text("Spent")
    expect(chart(page)).to_be_visible()
    box = chart(page).bounding_box()

    assert box is not None
    assert box["width"] <= 390
    assert box["height"] >= 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_log_is_a_file(visit: Visit, tmp_path: Path) -> None:
    """A click brings every call of the period, with the log's names."""
    page = visit("/usage")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="JSONL").click()
    waiting.value.save_as(tmp_path / "usage.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]

    assert {"gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b"} <= {row["model"] for row in lines}
    assert all("estimated_cost_usd" in row for row in lines)


def test_from_an_estimate_to_a_plan(visit: Visit) -> None:
    """Saved beside the estimate, found here one click later, and deleted."""
    page = visit("/estimate?est_mtok=250")
    page.get_by_role("button", name="Save as a plan").click()
    page.get_by_label("Name", exact=True).fill("spring")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("«spring» is saved")).to_be_visible()
    page.get_by_test_id("stAlert").locator("xpath=../..").get_by_role("link", name="Usage").click()
    expect(page.get_by_text("At 250 M tokens a month")).to_be_visible()
    expect(page.get_by_text(re.compile("Compared: .* calls of this month"))).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()

    expect(page.get_by_text("No plan yet")).to_be_visible()
