"""Saying something else, and using the page while an answer is written, in a real Chromium."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_chat import OLLAMA, Visit, answer, ask, footer
from tests.fakes import FakeServer

pytestmark = pytest.mark.browser

QWEN = "/?model=vllm%2FQwen%2FQwen3-4B"


def messages(page: Page) -> Locator:
    return page.get_by_test_id("stChatMessage")


def box(page: Page) -> Locator:
    return page.get_by_test_id("stChatInputTextArea")


def say(page: Page, *prompts: str) -> None:
    """Say them one after the other, each when the one before it is answered."""
    for text in prompts:
        before = messages(page).count()
        ask(page, text)
        expect(messages(page)).to_have_count(before + 2)
        expect(footer(page)).to_contain_text("tok/s")
        expect(box(page)).to_be_enabled()


def menu(page: Page, prompt: int) -> None:
    """Open the menu of a prompt, the first one being 0."""
    page.get_by_role("button", name="Change").nth(prompt).click()
    expect(page.get_by_role("button", name="Edit and send again")).to_be_visible()


def test_edit_and_send_again(visit: Visit, fake: FakeServer) -> None:
    """The prompt comes back into the line; sent again it replaces itself and what follows."""
    page = visit(OLLAMA)
    say(page, "first question", "second question", "third question")
    menu(page, 1)
    page.get_by_role("button", name="Edit and send again").click()
    expect(box(page)).to_have_value("second question")
    expect(page.get_by_text("You edit an earlier prompt")).to_be_visible()
    expect(page.get_by_role("button", name="Edit and send again")).to_be_hidden()
    ask(page, "#tokens=400 #pace=0.02")
    expect(answer(page)).to_contain_text("w10")

    expect(page.get_by_text("third question")).to_have_count(0)  # while it is still written
    expect(messages(page)).to_have_count(4)
    expect(footer(page)).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(footer(page)).to_contain_text("stopped")
    expect(messages(page)).to_have_count(4)
    sent = [message["content"] for message in fake.asked[-1].body["messages"]]
    assert sent == ["first question", "first question", "#tokens=400 #pace=0.02"]


def test_the_welcome_makes_way_at_once(visit: Visit) -> None:
    """What can be done in an empty chat is gone before the first answer is over."""
    page = visit(OLLAMA)
    expect(page.get_by_text("What was paid in all?")).to_be_visible()
    ask(page, "#tokens=400 #pace=0.02")
    expect(answer(page)).to_contain_text("w10")

    expect(page.get_by_text("What was paid in all?")).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(footer(page)).to_contain_text("stopped")


def test_a_sample_picture_is_one_click_away(visit: Visit) -> None:
    """Picture and question are ready to be sent, and the line is empty afterwards."""
    page = visit(OLLAMA)
    page.get_by_role("button", name="What was paid in all?").click()
    expect(box(page)).to_have_value("What was paid in all?")
    expect(page.get_by_role("img", name="picture for the next prompt")).to_be_visible()
    box(page).press("Enter")

    expect(footer(page)).to_contain_text("15 tokens in")
    expect(page.get_by_role("img", name="picture for the next prompt")).to_have_count(0)
    expect(box(page)).to_have_value("")


def test_a_panel_is_used_while_an_answer_is_written(visit: Visit) -> None:
    """Settings open, take two changes and stay; the answer goes on meanwhile."""
    page = visit(OLLAMA)
    ask(page, "#tokens=300 #pace=0.03 #paragraph=20")
    expect(answer(page)).to_contain_text("w10")
    page.get_by_role("button", name="Settings").click()
    for label, value in (("Temperature", "0.30"), ("Top-p", "0.50")):
        field = page.get_by_label(label)
        field.fill(value)
        field.press("Enter")
        expect(field).to_have_value(value)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()  # it is still written

    expect(answer(page)).to_contain_text("w300", timeout=20_000)
    expect(footer(page)).to_contain_text("300 out")
    expect(page.get_by_label("Temperature")).to_have_value("0.30")
    expect(page.get_by_label("Top-p")).to_have_value("0.50")
    words = re.findall(r"\bw\d+\b", answer(page).inner_text())
    assert words == [f"w{n}" for n in range(1, 301)]


def test_a_click_beside_the_settings_keeps_them(visit: Visit, fake: FakeServer) -> None:
    """It ends what was being typed and closes the panel; both count."""
    page = visit(OLLAMA)
    for label, value in (("System prompt", "be brief"), ("Temperature", "0.30")):
        page.get_by_role("button", name="Settings").click()
        page.get_by_label(label).fill(value)
        page.mouse.click(1100, 500)
        expect(page.get_by_label(label)).to_be_hidden()
    say(page, "hello")

    sent = fake.asked[-1].body
    assert sent["messages"][0]["content"] == "be brief"
    assert sent["options"]["temperature"] == 0.3


def test_a_field_can_be_emptied(visit: Visit, fake: FakeServer) -> None:
    """What was set once can be left to the model again."""
    page = visit(OLLAMA)
    page.get_by_role("button", name="Settings").click()
    field = page.get_by_label("Temperature")
    for value in ("0.30", ""):
        field.fill(value)
        field.press("Enter")
        expect(field).to_have_value(value)
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    say(page, "hello")

    assert "temperature" not in fake.asked[-1].body["options"]


def test_a_preset_fills_an_open_panel(visit: Visit) -> None:
    """Also what it leaves to the model is shown so."""
    page = visit(OLLAMA)
    page.get_by_role("button", name="Settings").click()
    seed = page.get_by_label("Seed")
    seed.fill("5")
    seed.press("Enter")
    page.get_by_label("Preset", exact=True).press("ArrowDown")
    page.get_by_role("option", name="Translate").click()

    expect(page.get_by_label("System prompt")).to_have_value(re.compile("translate into German"))
    expect(page.get_by_label("Temperature")).to_have_value("0.20")
    expect(seed).to_have_value("")


def test_two_tabs_on_one_conversation(visit: Visit) -> None:
    """Both see the same answer to its end, and either may stop it."""
    page = visit(OLLAMA)
    ask(page, "#tokens=2000 #pace=0.02")
    expect(answer(page)).to_contain_text("w10")
    other = page.context.new_page()
    other.goto(page.url)
    expect(answer(other)).to_contain_text("w1 w2 w3")
    expect(other.get_by_role("button", name="Stop")).to_be_visible()
    other.get_by_role("button", name="Stop").click()

    expect(footer(other)).to_contain_text("stopped")
    expect(footer(page)).to_contain_text("stopped")
    assert answer(other).inner_text() == answer(page).inner_text()
    say(page, "and now")
    ask(other, "from the other one")
    expect(messages(other)).to_have_count(6)
    expect(footer(other)).to_contain_text("tok/s")


def test_a_prompt_too_long_is_sent_all_the_same(visit: Visit) -> None:
    """The warning leaves the text in the line; once it is sent the line is empty."""
    page = visit(QWEN)
    ask(page, "word " * 32_000)
    expect(page.get_by_text("room for 32,768 tokens")).to_be_visible()
    page.get_by_role("button", name="Send it unchanged all the same").click()

    expect(footer(page)).to_contain_text("32,000 tokens in", timeout=30_000)
    expect(box(page)).to_have_value("")
