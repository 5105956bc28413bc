"""Conversations kept in order: found, opened, renamed, pinned, deleted, saved and read back."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import kit
from lib.work import transcript
from tests.pages.conftest import Open
from tests.pages.test_chat import (
    GEMMA,
    QWEN,
    choose,
    click,
    conversation,
    footer,
    keys,
    prompts,
    say,
    show_to,
    texts,
    unfold,
    visit,
)


def with_chats(page: AppTest, *words: str) -> dict[str, str]:
    """A conversation for each of these prompts, the last one open; their ids."""
    names = {}
    for text in words:
        if "chat_new" in keys(page):
            click(page, "chat_new")
        names[text] = conversation(say(page, text))
    return names


def listed(page: AppTest) -> list[str]:
    """The titles in the list, from above."""
    return [button.label for button in page.button if str(button.key).startswith("chat_open_")]


def read_back(page: AppTest, data: bytes) -> AppTest:
    unfold(page, "chat_list")
    page.file_uploader(key="chat_import").upload("chat.json", data, "application/json")
    return page.run()


def test_a_reload_finds_the_conversation(open_page: Open) -> None:
    """The address holds the conversation, so a new session shows it again."""
    page = say(open_page(), "remember me")
    again = visit(open_page(), conversation(page))

    assert "remember me" in texts(again)
    assert not again.exception


def test_an_unknown_conversation_is_an_empty_page(open_page: Open) -> None:
    """A stale or forged link neither fails nor shows anybody's text."""
    page = visit(open_page(), "' OR 1=1 --")

    assert not page.exception
    assert len(page.chat_message) == 0
    assert "chat_new" not in keys(page)


def test_earlier_conversations_can_be_opened(open_page: Open) -> None:
    """The list holds what was asked, the newest first; a click opens it."""
    page = open_page()
    names = with_chats(page, "the first question", "another one")
    unfold(page, "chat_list")
    assert listed(page) == ["another one", "the first question"]
    assert page.button(key=f"chat_open_{names['another one']}").disabled
    click(page, f"chat_open_{names['the first question']}")

    assert prompts(page) == ["the first question"]
    assert conversation(page) == names["the first question"]


def test_the_list_is_only_read_when_it_is_open(open_page: Open) -> None:
    """A closed list costs nothing."""
    page = say(open_page(), "one")

    assert listed(page) == []
    assert "chat_delete" not in keys(page)


def test_opening_brings_back_models_and_settings(open_page: Open) -> None:
    """Also when the address names the models that were chosen since."""
    page = unfold(choose(open_page(), GEMMA), "chat_settings")
    page.number_input(key="chat_set_temperature").set_value(0.3).run()
    first = conversation(say(unfold(page, "chat_settings", shown=False), "first"))
    click(page, "chat_new")
    choose(page, QWEN)
    page.query_params["model"] = QWEN  # as the browser has it; AppTest binds nothing
    unfold(page, "chat_settings")
    page.number_input(key="chat_set_temperature").set_value(1.5).run()
    say(unfold(page, "chat_settings", shown=False), "second")
    click(unfold(page, "chat_list"), f"chat_open_{first}")
    unfold(page, "chat_settings")

    assert page.multiselect(key="model").value == [GEMMA]
    assert page.number_input(key="chat_set_temperature").value == 0.3


def test_a_new_chat_keeps_the_models(open_page: Open) -> None:
    """Nothing of the old one but the models and settings chosen."""
    page = say(choose(open_page(), GEMMA, QWEN), "one")
    click(page, "chat_new")

    assert len(page.chat_message) == 0
    assert "chat" not in page.query_params
    assert page.multiselect(key="model").value == [GEMMA, QWEN]


def test_search_finds_words_of_a_message(open_page: Open) -> None:
    """Each word must be in title or messages; capitals do not matter."""
    page = open_page()
    with_chats(page, "apples and pears", "Bananas only")
    unfold(page, "chat_list")
    page.text_input(key="chat_search").set_value("PEARS apples").run()
    assert listed(page) == ["apples and pears"]
    page.text_input(key="chat_search").set_value("pears bananas").run()
    assert listed(page) == []
    assert any(caption.value == "Nothing found." for caption in page.caption)
    page.text_input(key="chat_search").set_value("").run()

    assert len(listed(page)) == 2


def test_rename(open_page: Open) -> None:
    """The new title is in the list; a blank one is refused and the old one stays."""
    page = open_page()
    name = with_chats(page, "one")["one"]
    unfold(page, "chat_list")
    page.text_input(key=f"chat_title_{name}").set_value("fruit *and* $5").run()
    assert listed(page) == [r"fruit \*and\* \$5"]
    page.text_input(key=f"chat_title_{name}").set_value("  ").run()

    assert "title" in page.error[0].value
    assert page.text_input(key=f"chat_title_{name}").value == "fruit *and* $5"


def test_pin(open_page: Open) -> None:
    """A pinned conversation stands above newer ones until it is unpinned."""
    page = open_page()
    names = with_chats(page, "old", "new")
    click(unfold(page, "chat_list"), f"chat_open_{names['old']}")
    click(page, "chat_pin")
    assert listed(page) == ["old", "new"]
    assert page.button(key="chat_pin").label == "Unpin"
    click(page, "chat_pin")

    assert listed(page) == ["new", "old"]


def test_delete(open_page: Open) -> None:
    """It is gone from page, list and database; the others stay."""
    page = open_page()
    names = with_chats(page, "keep", "drop")
    click(unfold(page, "chat_list"), "chat_delete")

    assert len(page.chat_message) == 0
    assert listed(page) == ["keep"]
    assert kit.app().conversations.turns(names["drop"]) == []
    assert not page.exception


def test_one_deleted_in_another_tab(open_page: Open) -> None:
    """Who still looks at it loses nothing but it: the prompt stays, and a new chat takes it."""
    page = say(open_page(), "one")
    kit.chats().delete(conversation(page))
    say(page, "two")
    assert "deleted" in page.error[0].value
    assert page.chat_input(key="chat_input").value == "two"
    click(page, "chat_new")
    say(page, "two")

    assert prompts(page) == ["two"]


@pytest.mark.parametrize("panel", ["chat_list", "chat_count", "chat_settings"])
def test_panels_of_one_deleted_in_another_tab(open_page: Open, panel: str) -> None:
    """None of them breaks the page."""
    page = say(open_page(), "one")
    kit.chats().delete(conversation(page))
    unfold(page, panel)

    assert not page.exception


def test_save_and_read_back(open_page: Open) -> None:
    """A saved conversation comes back with its picture, figures, models and settings."""
    page = unfold(choose(open_page(), GEMMA), "chat_settings")
    page.text_area(key="chat_set_system").set_value("be brief").run()
    show_to(unfold(page, "chat_settings", shown=False), "look")
    said, name = footer(page), conversation(page)
    data = transcript.to_json(kit.app(), name)
    other = read_back(open_page(), data)
    unfold(other, "chat_settings")

    assert conversation(other) != name
    assert prompts(other) == ["look"]
    assert len(other.get("image")) == 1
    assert footer(other) == said
    assert other.multiselect(key="model").value == [GEMMA]
    assert other.text_area(key="chat_set_system").value == "be brief"


@pytest.mark.parametrize("data", [b"no json", b"[]", b'{"format": "other"}'], ids=str)
def test_a_file_that_is_none_of_ours(open_page: Open, data: bytes) -> None:
    """It is refused with a reason, and no conversation begins."""
    page = read_back(open_page(), data)

    assert len(page.error) == 1
    assert kit.app().conversations.recent() == []
    assert not page.exception


def test_answers_without_a_name_can_be_read_back(open_page: Open) -> None:
    """What a file does not say of its answers is –; even a verdict does not break the page."""
    answer = {"role": "assistant", "thought": "", "media": [], "facts": {"usage": None}}
    messages = [
        {"position": 0, "role": "user", "text": "q", "thought": "", "media": []},
        {"position": 1, "text": "first", **answer},
        {"position": 2, "text": "second", **answer},
    ]
    head = {"format": "playground-conversation", "version": 1, "title": "t", "settings": None}
    page = read_back(open_page(), json.dumps({**head, "messages": messages}).encode())
    mark = next(one for one in page.segmented_control if str(one.key).startswith("chat_mark"))
    mark.set_value(mark.options[-1]).run()

    assert {"first", "second"} <= set(texts(page))
    assert not page.exception
