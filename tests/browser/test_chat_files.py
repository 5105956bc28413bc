"""Conversations saved, read back and opened, and a request as code, in a real Chromium."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from tests.api.pictures import picture
from tests.browser.test_chat import OLLAMA, Visit, answer, ask, attach, footer

pytestmark = pytest.mark.browser

QWEN = "vllm/Qwen/Qwen3-4B"


def saved(page: Page, button: str) -> Download:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    return waiting.value


def test_save_and_read_back(visit: Visit, tmp_path: Path) -> None:
    """The file holds all of it; read back it looks the same, and saved again it is the same."""
    page = visit(OLLAMA)
    attach(page, "red.png", picture(size=(64, 48)))
    ask(page, "what is *this*")
    expect(footer(page)).to_contain_text("tok/s")
    said, address = answer(page).inner_text(), page.url
    page.get_by_role("button", name="Chats").click()
    file, again = tmp_path / "chat.json", tmp_path / "again.json"
    saved(page, "JSON").save_as(file)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)

    expect(page).not_to_have_url(address)
    expect(page.get_by_role("img", name="attached picture")).to_be_visible()
    assert answer(page).inner_text() == said
    expect(page.get_by_label("Title")).to_have_count(1)  # the old one's leaves a moment later
    expect(page.get_by_label("Title")).to_have_value("what is *this*")
    saved(page, "JSON").save_as(again)
    assert json.loads(again.read_text()) == json.loads(file.read_text())


def test_save_as_markdown(visit: Visit) -> None:
    """For people: prompt, answer, and what it took."""
    page = visit(OLLAMA)
    ask(page, "name a fruit")
    expect(footer(page)).to_contain_text("tok/s")
    page.get_by_role("button", name="Chats").click()
    download = saved(page, "Markdown")
    text = download.path().read_text()

    assert re.fullmatch(r"chat-\w{8}\.md", download.suggested_filename)
    assert text.startswith("# name a fruit\n")
    assert "3 tokens in · 3 out" in text


def test_a_file_that_is_none_of_ours(visit: Visit, tmp_path: Path) -> None:
    """It is refused in words."""
    page = visit(OLLAMA)
    file = tmp_path / "other.json"
    file.write_text("[]")
    page.get_by_role("button", name="Chats").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)

    expect(page.get_by_test_id("stAlert")).to_contain_text("no JSON object")


def test_find_open_rename_delete(visit: Visit) -> None:
    """The list brings back words and models; a deleted conversation is gone from it."""
    page = visit(OLLAMA)
    ask(page, "question about zebras")
    expect(footer(page)).to_contain_text("tok/s")
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("What was paid in all?")).to_be_visible()
    page.get_by_role("button", name="Remove ollama/gemma3:4b").click()
    page.get_by_role("combobox", name="Models").fill(QWEN)
    page.get_by_role("option", name=QWEN).click()
    ask(page, "question about yaks")
    expect(footer(page)).to_contain_text(QWEN)

    page.get_by_role("button", name="Chats").click()
    search = page.get_by_placeholder("words of a title or a message")
    search.fill("zebras")
    search.press("Enter")
    expect(page.get_by_role("button", name="question about yaks")).to_have_count(0)
    page.get_by_role("button", name="question about zebras").click()
    expect(answer(page)).to_contain_text("zebras")
    expect(page.get_by_role("button", name="Remove ollama/gemma3:4b")).to_be_visible()
    expect(page.get_by_role("button", name=f"Remove {QWEN}")).to_have_count(0)

    title = page.get_by_label("Title")
    title.fill("striped animals")
    title.press("Enter")
    expect(page.get_by_role("button", name="striped animals")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)
    expect(page.get_by_role("button", name="striped animals")).to_have_count(0)


def test_get_code(visit: Visit) -> None:
    """The dialog shows the last request in Python and for curl, and its picture to download."""
    page = visit(OLLAMA)
    attach(page, "red.png", picture(size=(64, 48)))
    ask(page, "what is this")
    expect(footer(page)).to_contain_text("tok/s")
    page.get_by_role("button", name="Get code").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("stCode").first).to_contain_text("import ollama")
    dialog.get_by_role("tab", name="curl").click()
    expect(dialog.get_by_test_id("stCode").last).to_contain_text("curl")
    download = saved(page, dialog.get_by_test_id("stDownloadButton").inner_text().split("\n")[-1])

    assert download.path().stat().st_size > 50
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_enabled()


def test_a_link_in_an_answer_leads_nowhere_harmful(visit: Visit) -> None:
    """No script stands behind a link, and none of an answer's tags is one of the page's."""
    page = visit(OLLAMA)
    ask(
        page, "[go](javascript:document.title=1) <b id=mine>x</b> <script>document.title=2</script>"
    )
    expect(footer(page)).to_contain_text("tok/s")

    assert page.locator("#mine").count() == 0
    for link in answer(page).get_by_role("link").all():
        assert not (link.get_attribute("href") or "").startswith("javascript")
    assert page.title() not in ("1", "2")
