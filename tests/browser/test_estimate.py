"""Journeys through the estimate page in a real Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


def headline(page: Page):
    return page.get_by_test_id("stMarkdown").filter(has_text="the API costs").first


def test_change_copy_the_link_and_open_it(visit: Visit) -> None:
    """Volume and GPU change chart and sentence; the link gives somebody else the same numbers."""
    page = visit("/estimate")
    expect(headline(page)).to_contain_text("the API costs $87.50")
    page.get_by_role("button", name="1 B", exact=True).click()
    expect(headline(page)).to_contain_text("At 1 B tokens")
    page.wait_for_selector("[data-test-script-state=notRunning]")
    gpu = page.get_by_role("combobox", name="GPU")
    gpu.click()
    gpu.press_sequentially("4090")
    page.get_by_role("option", name="RTX 4090").click()
    expect(headline(page)).to_contain_text("RTX 4090")
    said = headline(page).inner_text()
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_test_id("stCode").inner_text().strip()
    other = page.context.new_page()
    other.goto(link)

    expect(headline(other)).to_have_text(said)
    expect(other.locator(".js-plotly-plot").first).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width(visit: Visit, dark: bool) -> None:
    """At 390 px the answer and its chart are readable, and nothing is wider than the screen."""
    page = visit("/estimate", width=390, dark=dark)
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    box = chart.bounding_box()

    assert box is not None
    assert box["width"] <= 390
    assert box["height"] >= 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_report_is_one_file(visit: Visit, tmp_path: Path) -> None:
    """The downloaded report opens without a server, with its chart."""
    page = visit("/estimate")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("Report")).click()
    waiting.value.save_as(tmp_path / "estimate.html")
    page.goto(f"file://{tmp_path}/estimate.html")

    expect(page.get_by_text("the API costs $87.50")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
