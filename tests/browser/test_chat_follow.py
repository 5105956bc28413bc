"""The browser follows a growing answer, and what stops it stays in reach."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_long_answer_is_followed_to_its_end(visit: Callable[..., Page]) -> None:
    """The newest words stay on the screen while it grows, and so does Stop."""
    page = visit("/?model=ollama%2Fgemma3%3A4b")
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill("#tokens=900 #paragraph=15 #pace=0.004")
    box.press("Enter")

    expect(page.get_by_text("w600", exact=False).last).to_be_in_viewport()
    expect(page.get_by_role("button", name="Stop")).to_be_in_viewport()
    expect(page.get_by_text("tok/s").last).to_be_in_viewport()
