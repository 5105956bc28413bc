"""Texts of strangers in a real Chromium: nothing of them is fetched, run, or hides where it leads.

A model's answer, a file's cells, a model's own name, a conversation somebody sent: each holds every
way to make a page ask another host, and that host listens.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.pictures import picture
from tests.browser.conftest import PASSWORD, READY, Site, start_site, until_healthy
from tests.browser.hostile_texts import MODEL, NAME, PICTURES, SYNTAX, TAGS
from tests.browser.test_chat import OLLAMA, answer, ask, attach, footer
from tests.browser.test_classify import DONE, choose, run
from tests.fakes import FakeServer
from tests.unit.picture_site import Site as Listener
from tests.unit.picture_site import send, serving

pytestmark = pytest.mark.browser


@dataclass
class Trap:
    """A server in front of a hostile Ollama, and the host that waits to be asked."""

    site: Site
    listener: Listener
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def bare(self) -> str:
        return f"evil.localhost:{self.listener.port}"

    def told(self, text: str) -> str:
        """The text with the other host in its places."""
        text = text.replace("\\\\", "\\")
        return text.replace("EVIL", f"http://{self.bare}").replace("BARE", self.bare)

    def watch(self, page: Page) -> None:
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda line: self.complaints.append(line.text))

    def check(self, page: Page) -> None:
        """Nothing was asked elsewhere, nor was it tried; nothing ran; links say where they lead."""
        page.wait_for_timeout(300)  # what an element fetches, it fetches at once
        ours = (self.site.url, "data:", "blob:", self.site.url.replace("http", "ws"))

        assert self.listener.seen == []
        assert [url for url in self.asked if not url.startswith(ours)] == []
        assert [line for line in self.complaints if self.bare in line] == []
        assert page.evaluate("window.hit") is None
        for tag in ("src", "srcset", "poster", "data", "action", "ping", "style", "xlink\\:href"):
            assert page.locator(f'[{tag}*="evil.localhost"]').count() == 0, tag
        for link in page.locator("main a, [data-testid=stSidebar] a").all():
            target = link.get_attribute("href") or ""
            assert not target.lower().startswith(("javascript", "data", "vbscript", "file"))
            if "evil.localhost" in target:
                around = link.evaluate("link => link.parentElement.textContent")
                assert "evil.localhost" in around, target
        self.asked.clear()
        self.complaints.clear()


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    with serving() as listener, FakeServer() as fake:
        evil = f"http://evil.localhost:{listener.port}"
        model = MODEL.replace("EVIL", evil)
        fake.ollama.installed[model] = fake.ollama.installed["gemma3:4b"]
        settings = {"APP_PASSWORD": PASSWORD, "OLLAMA_HOST": fake.url, "EMBEDDED_MODEL": "off"}
        site = until_healthy(start_site(tmp_path_factory.mktemp("trap"), **settings))
        yield Trap(site, listener)
        site.stop()


@pytest.fixture
def page(trap: Trap, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 844})
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    opened.goto(f"{trap.site.url}/login")
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Log in").click()
    opened.goto(trap.site.url + OLLAMA)
    opened.wait_for_selector(READY)
    trap.watch(opened)
    yield opened
    context.close()


def test_the_other_host_can_be_reached(trap: Trap, chromium: Browser) -> None:
    """If this fails, the silence of the others proves nothing."""
    trap.listener.replies["/hello"] = send()
    page = chromium.new_page()
    page.goto(f"http://{trap.bare}/hello")
    page.wait_for_timeout(300)  # it looks for an icon too
    page.close()

    assert trap.listener.seen[0]["path"] == "/hello"
    trap.listener.seen.clear()


@pytest.mark.parametrize("text", [PICTURES, TAGS, SYNTAX], ids=["pictures", "tags", "syntax"])
def test_an_answer_fetches_and_runs_nothing(trap: Trap, page: Page, text: str) -> None:
    """While it streams in, when it is there, and when the page is opened again."""
    ask(page, trap.told(text) + " #pace=0.005")
    expect(footer(page)).to_contain_text("tok/s", timeout=60_000)
    expect(answer(page)).to_contain_text("evil.localhost")
    trap.check(page)
    page.reload()
    expect(answer(page)).to_contain_text("evil.localhost")
    trap.check(page)


def test_names_and_titles_are_words(trap: Trap, page: Page) -> None:
    """A file's name, a prompt that becomes a title, and a model's own name in every list."""
    name = trap.told(NAME)
    attach(page, "[n](x)<b>.png", picture())
    ask(page, name)
    expect(footer(page)).to_contain_text("tok/s", timeout=30_000)
    page.get_by_role("button", name="Chats").click()
    expect(page.get_by_label("Title").first).to_have_value(re.compile(re.escape(name[:30])))
    page.get_by_role("combobox", name="Models").click()
    expect(page.get_by_role("option", name="bank")).to_be_visible()
    page.keyboard.press("Escape")
    trap.check(page)
    page.goto(f"{trap.site.url}/?model=" + quote("ollama/" + trap.told(MODEL), safe=""))
    page.wait_for_selector(READY)
    ask(page, "hello")
    trap.check(page)


def test_a_conversation_of_a_stranger_is_words(trap: Trap, page: Page, tmp_path: Path) -> None:
    """Its title, prompts, thoughts, answers and errors, in every part of the file."""
    texts = [trap.told(text) for text in (PICTURES, TAGS, SYNTAX, NAME)]
    words = trap.told(NAME)
    facts = {
        "model": "ollama/gemma3:4b",
        "finish": "error",
        "version": words,
        "error": {"code": "bad_reply", "message": words, "hint": words, "retry_after_s": None},
    }
    empty = {"media": [], "thought": "", "facts": {}}
    messages = []
    for number, text in enumerate(texts):
        messages.append({**empty, "position": 2 * number, "role": "user", "text": text})
        said = {"position": 2 * number + 1, "role": "assistant", "text": text, "thought": text}
        messages.append({**empty, **said, "facts": facts})
    body = {
        "format": "playground-conversation",
        "version": 1,
        "title": words,
        "settings": {"models": [], "options": {}},
    }
    file = tmp_path / "chat.json"
    file.write_text(json.dumps({**body, "messages": messages}))
    page.get_by_role("button", name="Chats").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(8)
    for opener in page.get_by_text("Thinking", exact=True).all():
        opener.click()
    trap.check(page)
    page.get_by_role("button", name="Details").last.click()
    expect(page.get_by_text("Model version")).to_be_visible()
    trap.check(page)


def test_a_table_of_a_stranger_is_words(trap: Trap, page: Page) -> None:
    """Its name, headers, cells, labels and gold labels, before and after they are classified."""
    word = trap.told(NAME)
    cells = [[word, f"{word} {label}", label] for label in ("![g](EVIL/g.png)", "<img src=EVIL/h>")]
    out = io.StringIO()
    told = [[trap.told(cell) for cell in row] for row in cells]
    csv.writer(out).writerows([[word, f"{word} text", f"{word} gold"], *told * 10])
    page.goto(f"{trap.site.url}/classify?cls_model=ollama%2Fgemma3%3A4b")
    page.wait_for_selector(READY)
    file = {"name": "[x](a)<b>.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode()}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_text("3 columns")).to_be_visible()
    choose(page, "cls_gold", f"{word} gold")
    page.get_by_role("button", name="Take labels from").click()
    expect(page.get_by_text("rows have one of these labels")).to_be_visible()
    trap.check(page)
    page.get_by_role("button", name="Try 20 rows").click()
    expect(page.get_by_text("All 20 rows")).to_be_visible(timeout=60_000)
    trap.check(page)
    run(page)
    expect(page.get_by_text("20 of 20 rows")).to_be_visible(timeout=60_000)
    trap.check(page)
    page.get_by_role("tab", name="Rows").click()
    page.wait_for_selector(DONE)
    trap.check(page)
