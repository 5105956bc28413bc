"""Before and after an answer: tokens counted, the request as code, details, samples, safe text."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import chat_samples, kit
from tests.pages.conftest import Open
from tests.pages.test_chat import (
    BLIND,
    GEMINI,
    GEMMA,
    QWEN,
    choose,
    click,
    keys,
    say,
    show_to,
    texts,
    unfold,
)


def rows(page: AppTest, beginning: str) -> list[list[str]]:
    """The cells below the head of the table that begins so."""
    found = next(text for text in texts(page) if text.startswith(beginning)).split("\n")
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[2:]]


def details(page: AppTest, answer: int = 1) -> dict[str, str]:
    unfold(page, f"chat_answer_{answer}")
    shown = next(text for text in texts(page) if text.startswith("| Ended"))
    pairs = (line.strip("|").split(" | ") for line in shown.split("\n") if "---" not in line)
    return {name.strip(): value.strip() for name, value in pairs}


def test_tokens_are_counted_before_sending(open_page: Open) -> None:
    """With all before it, its share of the window, and what prompt and answer would cost."""
    page = say(choose(open_page(), GEMINI, QWEN, GEMMA), "one two")
    unfold(page, "chat_count")
    page.text_area(key="chat_draft").set_value("three four five").run()
    gemini, qwen, gemma = rows(page, "| Model | tokens")

    assert gemini == [GEMINI, "7", "0.0%", r"\$0.0000018", r"\$0.0031"]
    assert qwen[1:] == ["7", "0.0%", "–", "–"]
    assert gemma[1].startswith("about ")


def test_what_was_counted_goes_into_the_line(open_page: Open) -> None:
    """Nobody has to write it twice."""
    page = unfold(open_page(), "chat_count")
    page.text_area(key="chat_draft").set_value("counted").run()
    click(page, "chat_use_draft")

    assert page.chat_input(key="chat_input").value == "counted"


def test_counting_says_when_a_model_cannot_read_it(open_page: Open) -> None:
    """A picture waiting for a prompt does not break the panel of a model that is blind."""
    page = choose(open_page(), BLIND)
    show_to(page, "look")
    unfold(page, "chat_count")

    assert not page.exception
    assert "cannot read image input" in page.error[0].value


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (GEMINI, ["google", "gemini-3.1-flash-lite", "YOUR_"]),
        (GEMMA, ["ollama", "gemma3:4b"]),
        (QWEN, ["openai", "Qwen/Qwen3-4B"]),
    ],
    ids=["gemini", "ollama", "vllm"],
)
def test_get_code(open_page: Open, model: str, words: list[str]) -> None:
    """The last prompt with all before it, in Python and for curl, in the provider's own way."""
    page = unfold(choose(open_page(), model), "chat_settings")
    page.text_area(key="chat_set_system").set_value("be brief").run()
    say(say(unfold(page, "chat_settings", shown=False), "first words"), "last words")
    click(page, "chat_code")

    assert [code.language for code in page.code] == ["python", "bash"]
    for code in page.code:
        for word in [*words[1:], "be brief", "first words", "last words"]:
            assert word in code.value
    assert words[0] in page.code[0].value
    compile(page.code[0].value, "shown", "exec")


def test_get_code_before_anything_was_said(open_page: Open) -> None:
    """There is an example to begin with."""
    page = click(open_page(), "chat_code")

    assert "Name three uses" in page.code[0].value


def test_get_code_of_two_models(open_page: Open) -> None:
    """Each has its own, under its name."""
    page = click(choose(open_page(), GEMINI, GEMMA), "chat_code")

    assert len(page.code) == 4
    assert [tab.label.split(" · ")[0] for tab in page.tabs] == [
        "gemini-3.1-flash-lite", "gemini-3.1-flash-lite", "gemma3:4b", "gemma3:4b",
    ]  # fmt: skip


def test_get_code_where_one_model_is_blind(open_page: Open) -> None:
    """It says so, and the other's code is there, with the picture it reads."""
    page = choose(open_page(), GEMMA)
    show_to(page, "look")
    click(choose(page, GEMMA, BLIND), "chat_code")

    assert not page.exception
    assert len(page.code) == 2
    assert "cannot read image input" in page.error[0].value
    assert len(page.get("download_button")) == 1


def test_details_of_an_answer(open_page: Open) -> None:
    """Price with its source and date, tokens and their parts, times, and the settings sent."""
    page = unfold(open_page(), "chat_settings")
    page.text_area(key="chat_set_system").set_value("be brief").run()
    page.number_input(key="chat_set_max_tokens").set_value(100).run()
    say(unfold(page, "chat_settings", shown=False), "one two #think=2 #cached=3")
    shown = details(page)

    assert shown["Ended"] == "finished"
    assert shown["Model version"] == "gemini-3.1-flash-lite"
    assert shown["Price in, per million tokens"] == r"\$0.25"
    assert shown["Price out, thinking included"] == r"\$1.50"
    assert re.fullmatch(r"\[standard, \d{4}-\d\d-\d\d]\(<https://\S+>\)", shown["Price list"])
    assert (shown["of them cached"], shown["of them thinking"]) == ("3", "2")
    assert re.fullmatch(r"\d+ ms", shown["First token after"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown["Asked"])
    assert "max tokens 100" in shown["Settings sent"]
    assert "system prompt of 8 characters" in shown["Settings sent"]


def test_details_of_a_local_answer(open_page: Open) -> None:
    """Rent and seconds instead of a price list; how long it queued, and loaded the model."""
    page = choose(open_page(GPU_USD_PER_HOUR="0.25"), QWEN, GEMMA)
    say(page, "one #slow=0.3")
    shown = details(page, 2)

    assert re.fullmatch(r"\\\$0.25 an hour for 0.\d+ s of the machine", shown["Price"])
    assert int(shown["Waited for its turn"].removesuffix(" ms")) >= 300
    assert int(shown["Loading the model"].removesuffix(" ms")) >= 300
    assert "of it loading the model" in page.chat_message[-1].caption[-1].value


def test_details_of_a_failed_answer(open_page: Open) -> None:
    """What nobody knows is –, and nothing breaks."""
    shown = details(say(open_page(), "one #fault=unavailable"))

    assert shown["Ended"].startswith("failed")
    assert shown["Cost"] == "–"
    assert shown["Tokens in"] == "–"


@pytest.mark.parametrize("sample", chat_samples.PICTURES, ids=lambda sample: sample.key)
def test_a_sample_picture(open_page: Open, fake, sample: chat_samples.Picture) -> None:
    """One click attaches it and writes a question about it."""
    page = click(choose(open_page(), GEMMA), f"chat_picture_{sample.key}")
    assert page.chat_input(key="chat_input").value == sample.prompt
    assert "chat_untray_0" in keys(page)
    say(page, sample.prompt)

    assert len(fake.asked[-1].body["messages"][0]["images"]) == 1


def test_no_sample_picture_for_a_blind_model(open_page: Open) -> None:
    """What it cannot read is not offered."""
    page = choose(open_page(), BLIND)

    assert not any(key.startswith("chat_picture") for key in keys(page))
    assert "attach a picture" not in page.caption[1].value


def test_model_text_shows_no_remote_picture(open_page: Open) -> None:
    """A picture in a model's text stays text: fetching it would carry the chat away."""
    page = say(open_page(), "![x](http://evil.example/p.png) and $5 or $6")
    shown = next(text for text in texts(page) if "evil" in text)

    assert "![" not in shown.replace(r"!\[", "")
    assert r"\$5 or \$6" in shown


def test_model_text_is_never_html(open_page: Open) -> None:
    """Neither tags nor scripts of an answer are let through, and a link tells where it leads."""
    page = say(open_page(), '<img src="http://evil.example/p.png"> [bank](http://evil.example/)')

    assert not any(part.allow_html for part in page.markdown)
    assert any("bank" in text and text.count("evil.example") > 2 for text in texts(page))


def test_a_title_is_never_markdown(open_page: Open) -> None:
    """A prompt becomes the title of its conversation; it is shown as it was written."""
    page = say(open_page(), "![x](http://evil.example/p.png) :red[stop]")
    unfold(page, "chat_list")
    name = kit.app().conversations.recent()[0].id

    assert page.button(key=f"chat_open_{name}").label.startswith(r"!\[x\](http\://evil")
