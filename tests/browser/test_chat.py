"""Journeys through the chat page in a real Chromium."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.api.pictures import picture
from tests.browser.conftest import Start
from tests.fakes import FakeServer

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
EMBEDDED = "/?model=embedded%2Fsmollm2-135m"
OLLAMA = "/?model=ollama%2Fgemma3%3A4b"


def ask(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


def answer(page: Page):
    return page.get_by_test_id("stChatMessage").last


def footer(page: Page):
    return answer(page).get_by_test_id("stCaptionContainer")


def test_from_the_printed_link_to_the_first_answer(start: Start, chromium, dead_address) -> None:
    """No key, no GPU: the link of the first start opens a chat with a real model."""
    site = start(OLLAMA_HOST=f"http://{dead_address}")
    link = site.wait_for_log(r"(http\S+/login\?token=\S+)")[1]
    page = chromium.new_page()
    page.goto(link)
    ask(page, "What is the capital of France?")

    expect(footer(page)).to_contain_text("tok/s", timeout=90_000)
    expect(footer(page)).to_contain_text(re.compile(r"embedded/smollm2-135m · first token [\d,.]+"))
    expect(footer(page)).to_contain_text("cost –")  # nobody said what this machine costs
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_label("Password")).to_be_visible()
    page.close()


def test_chat_with_the_embedded_model(visit: Visit) -> None:
    """A real answer streams in, and with a rent set it has a price."""
    page = visit(EMBEDDED)
    ask(page, "What is the capital of France?")

    expect(footer(page)).to_contain_text("tok/s", timeout=90_000)
    expect(footer(page)).to_contain_text("$")


def test_stop_a_long_answer(visit: Visit, fake: FakeServer) -> None:
    """Stop ends the answer at the provider too, and keeps what was said."""
    page = visit(OLLAMA)
    ask(page, "#tokens=2000 #pace=0.02")
    expect(answer(page)).to_contain_text("w20")
    page.get_by_role("button", name="Stop").click()

    expect(footer(page)).to_contain_text("stopped")
    expect(answer(page)).to_contain_text("w20")
    assert fake.wait_idle()
    assert fake.asked[-1].hung_up


def test_stop_while_the_model_is_silent(visit: Visit, fake: FakeServer) -> None:
    """Stop works before the first token has come."""
    page = visit(OLLAMA)
    ask(page, "hello #slow=60")
    expect(answer(page)).to_contain_text("Waiting for the first token")
    page.get_by_role("button", name="Stop").click()

    expect(footer(page)).to_contain_text("stopped")
    assert fake.wait_idle()
    assert fake.asked[-1].hung_up


def test_stop_the_embedded_model(visit: Visit) -> None:
    """The model in this machine stops as well, in mid-answer."""
    page = visit(EMBEDDED)
    ask(page, "Write a very long story about a lighthouse, with many chapters.")
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)  # the last one is the answer now
    expect(answer(page)).to_contain_text(re.compile(r"(\w+\W+){12}"), timeout=90_000)
    page.get_by_role("button", name="Stop").click()

    expect(footer(page)).to_contain_text("stopped")


def test_a_reload_in_mid_stream_loses_nothing(visit: Visit) -> None:
    """The answer is written by the server; a new page sees its beginning and its end."""
    page = visit(OLLAMA)
    ask(page, "#tokens=100 #pace=0.03")
    expect(answer(page)).to_contain_text("w10")
    page.reload()

    expect(answer(page)).to_contain_text("w1 w2 w3")
    expect(answer(page)).to_contain_text("w99 w100")
    expect(footer(page)).to_contain_text("100 out")


def test_a_click_in_mid_stream_loses_nothing(visit: Visit) -> None:
    """Using another control neither stops nor cuts the answer."""
    page = visit(OLLAMA)
    ask(page, "#tokens=100 #pace=0.03")
    expect(answer(page)).to_contain_text("w10")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill("be brief")
    page.keyboard.press("Control+Enter")

    expect(answer(page)).to_contain_text("w99 w100")
    expect(footer(page)).to_contain_text("100 out")


def test_attach_a_picture(visit: Visit) -> None:
    """A picture goes along with the prompt, is shown, and is counted."""
    page = visit(OLLAMA)
    attach(page, "red.png", picture(size=(64, 48)))
    ask(page, "what is this")

    expect(footer(page)).to_contain_text("13 tokens in")
    expect(page.get_by_role("img", name="attached picture")).to_be_visible()


def test_a_blind_model_refuses_the_picture(visit: Visit) -> None:
    """The refusal names what the model cannot read, before anything is sent."""
    page = visit("/?model=ollama%2Fllama3.2%3A3b")
    attach(page, "red.png", picture())
    ask(page, "what is this")

    expect(page.get_by_test_id("stAlert").last).to_contain_text("cannot read image input")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone_width(visit: Visit, dark: bool) -> None:
    """At 390 px everything is reachable and nothing is wider than the screen."""
    page = visit(OLLAMA, width=390, dark=dark)
    ask(page, "a long line of words " * 20)

    expect(footer(page)).to_contain_text("tok/s")
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_model_text_loads_nothing_from_elsewhere(visit: Visit) -> None:
    """Neither Markdown nor raw HTML in an answer makes the browser fetch an address."""
    page = visit(OLLAMA)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, '![a](http://127.0.0.1:9/a.png) <img src="http://127.0.0.1:9/b.png"> [![c][d]][d]'
        "\n\n[d]: http://127.0.0.1:9/c.png")  # fmt: skip

    expect(footer(page)).to_contain_text("tok/s")
    page.wait_for_timeout(500)
    assert not [url for url in asked if ":9/" in url]


def test_the_page_is_clean(visit: Visit) -> None:
    """The browser has nothing to complain about, and asks no other host for anything."""
    page = visit()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page.url + OLLAMA.removeprefix("/"))
    ask(page, "hello")
    expect(footer(page)).to_contain_text("tok/s")

    assert not complaints
    assert not [url for url in asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))]


def attach(page: Page, name: str, data: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("stChatInputFileUploadButton").click()
    with page.expect_response(lambda reply: "upload_file" in reply.url):
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": data})
    expect(page.get_by_text(name)).to_be_visible()
