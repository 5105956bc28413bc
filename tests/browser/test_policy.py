"""The security policy in a real Chromium: no page trips over it, and it stops what it should."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, READY, Site

Visit = Callable[..., Page]
COMPLAINT = re.compile("Content Security Policy|Permissions[- ]Policy|Cross-Origin|Refused to")


def complaints_of(page: Page) -> list[str]:
    """What the browser says about policies from now on."""
    said: list[str] = []
    page.on("console", lambda line: COMPLAINT.search(line.text) and said.append(line.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_no_page_trips_over_the_policy(visit: Visit, site: Site) -> None:
    """Chat with code and formula, charts, tables, the API's page, the way out: no complaint."""
    page = visit()
    said = complaints_of(page)
    page.get_by_test_id("stChatInputTextArea").fill("$x^2$ and\n```python\nprint(1)\n```")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stChatMessage").last).to_contain_text("print", timeout=30_000)
    for path, shown in (
        ("/classify", "stFileUploaderDropzone"),
        ("/estimate", "stPlotlyChart"),
        ("/usage", "stDataFrame"),
    ):
        page.goto(site.url + path)
        page.wait_for_selector(READY)
        expect(page.get_by_test_id(shown).first).to_be_visible(timeout=30_000)
    page.goto(f"{site.url}/api/docs")
    expect(page.get_by_text("/estimate").first).to_be_visible()
    page.goto(f"{site.url}/logout")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()

    assert said == []


@pytest.mark.parametrize(
    "attempt",
    [
        "const s = document.createElement('script'); s.textContent = 'window.hit = 1'; "
        "document.body.append(s); return !window.hit",
        "setTimeout('window.hit = 1'); "
        "return new Promise(r => setTimeout(() => r(!window.hit), 300))",
        "const i = new Image(); i.src = 'https://evil.example/x.png'; "
        "return new Promise(r => { i.onerror = () => r(true); i.onload = () => r(false) })",
        "return fetch('http://localhost:1/?words').then(() => false, () => true)",
        "return !document.featurePolicy.allowsFeature('geolocation') "
        "&& document.featurePolicy.allowsFeature('microphone')",
    ],
)
def test_what_the_policy_stops(visit: Visit, attempt: str) -> None:
    """Text that became a script or an address could not run, nor carry anything away."""
    page = visit()
    said = complaints_of(page)

    assert page.evaluate(f"() => {{ {attempt} }}") is True
    assert said or "featurePolicy" in attempt


def test_log_out_ends_this_browser(visit: Visit, site: Site) -> None:
    """The navigation leads to one button; after it the password is asked for, in open tabs too."""
    page = visit()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Log out").click()
    leaving = opened.value
    leaving.get_by_role("button", name="Log out").click()
    expect(leaving.get_by_label("Password")).to_be_visible()
    page.goto(f"{site.url}/estimate")
    expect(page.get_by_label("Password")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(READY)
