"""Two models side by side in a real Chromium: with a picture, on a phone, in the dark."""

import pytest
from playwright.sync_api import Page, expect

from tests.api.pictures import picture
from tests.browser.test_chat import OLLAMA, Visit, ask, attach
from tests.fakes import FakeServer

pytestmark = pytest.mark.browser

SEEING = "vllm/Qwen/Qwen2.5-VL-3B-Instruct"
BOTH = f"{OLLAMA}&model=vllm%2FQwen%2FQwen2.5-VL-3B-Instruct"
TWO_MACHINES = f"{OLLAMA}&model=gemini%2Fgemini-3.1-flash-lite"

# What an element stands in and can be moved sideways.
SCROLLS_SIDEWAYS = """element => {
  const found = [];
  for (let box = element; box; box = box.parentElement) {
    const hidden = getComputedStyle(box).overflowX === "visible";
    if (!hidden && box.scrollWidth > box.clientWidth) found.push(box.outerHTML.slice(0, 80));
  }
  return found;
}"""

BELOW_EACH_OTHER = """([first, second]) =>
  first.getBoundingClientRect().bottom <= second.getBoundingClientRect().top"""


def add_model(page: Page, model: str) -> None:
    picker = page.get_by_role("combobox", name="Models")
    picker.fill(model)
    page.get_by_role("option", name=model, exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Remove {model}")).to_be_visible()


def cells(page: Page, column: int) -> list[str]:
    """A column of the comparison, its head left out."""
    rows = page.get_by_role("table").last.get_by_role("row")
    expect(rows).to_have_count(3)
    return [row.get_by_role("cell").nth(column).inner_text() for row in rows.all()[1:]]


def test_two_models_answer_about_a_picture(visit: Visit, fake: FakeServer) -> None:
    """Chosen in the picker, asked once: two answers, a table, and a verdict that is kept."""
    page = visit(OLLAMA)
    add_model(page, SEEING)
    attach(page, "red.png", picture(size=(64, 48)))
    ask(page, "what is this")
    better = page.get_by_test_id("stButtonGroup").get_by_role("button", name=SEEING)
    verdict = page.get_by_role("radio", name=SEEING).or_(better)
    expect(page.get_by_text("Which was better?")).to_be_visible()

    assert cells(page, 0) == ["ollama/gemma3:4b", SEEING]
    assert cells(page, 3) == ["13", "13"]
    assert [call.dialect for call in fake.asked[-2:]] == ["ollama", "openai"]
    expect(page.get_by_role("img", name="attached picture")).to_be_visible()
    verdict.click()
    expect(verdict).to_be_checked()
    page.reload()
    expect(verdict).to_be_checked()
    expect(page.get_by_role("button", name=f"Remove {SEEING}")).to_be_visible()


def test_the_second_waits_for_the_first(visit: Visit) -> None:
    """Two models of one machine: the second says that it waits, and is stopped with the first."""
    page = visit(BOTH)
    ask(page, "#tokens=2000 #pace=0.02")
    answers = page.get_by_test_id("stChatMessage").last
    expect(answers).to_contain_text("w20")
    expect(answers).to_contain_text("Waiting for its turn on this machine")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Which was better?")).to_be_visible()
    assert all("(stopped)" in name for name in cells(page, 0))
    expect(answers).to_contain_text("Stopped before the first word")


def test_models_of_two_machines_write_at_once(visit: Visit) -> None:
    """Neither waits for the other."""
    page = visit(TWO_MACHINES)
    ask(page, "#tokens=400 #pace=0.02")
    columns = page.get_by_test_id("stChatMessage").last.get_by_test_id("stColumn")
    expect(columns.nth(0)).to_contain_text("w10")
    expect(columns.nth(1)).to_contain_text("w10")
    expect(columns.nth(0)).not_to_contain_text("w400")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Which was better?")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_comparison_on_a_phone(visit: Visit, dark: bool) -> None:
    """At 390 px the answers stand below each other, and nothing but the table scrolls sideways."""
    page = visit(BOTH, width=390, dark=dark)
    ask(page, "a long line of words " * 20)
    expect(page.get_by_text("Which was better?")).to_be_visible()
    answers = page.get_by_test_id("stChatMessage").last

    assert answers.get_by_test_id("stColumn").evaluate_all(BELOW_EACH_OTHER)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert answers.evaluate(SCROLLS_SIDEWAYS) == []
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_in_viewport()
