"""The chat page: first look, an answer, and every way it can fail, with the next step."""

from streamlit.testing.v1 import AppTest

from tests.api.pictures import picture
from tests.pages.conftest import Open

GEMINI, GEMMA = "gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b"
BLIND, QWEN = "ollama/llama3.2:3b", "vllm/Qwen/Qwen3-4B"


def say(page: AppTest, text: str) -> AppTest:
    return page.chat_input(key="chat_input").set_value(text).run()


def choose(page: AppTest, *models: str) -> AppTest:
    return page.multiselect(key="model").set_value(list(models)).run()


def unfold(page: AppTest, popover: str, shown: bool = True) -> AppTest:
    """Open a popover, or close it; what is in it is only drawn while it is open."""
    page.session_state[popover] = shown
    return page.run()


def click(page: AppTest, button: str) -> AppTest:
    return page.button(key=button).click().run()


def show_to(page: AppTest, text: str, name: str = "a.png", data: bytes | None = None) -> AppTest:
    """Say something about a picture."""
    box = page.chat_input(key="chat_input").set_value(text)
    box.upload(name, picture() if data is None else data, "image/png")
    return page.run()


def conversation(page: AppTest) -> str:
    named = page.query_params["chat"]
    return named if isinstance(named, str) else named[0]


def visit(page: AppTest, name: str) -> AppTest:
    """Open a conversation by its address."""
    page.query_params["chat"] = name
    return page.run()


def texts(page: AppTest) -> list[str]:
    return [part.value for part in page.markdown]


def prompts(page: AppTest) -> list[str]:
    return [part.value for part in page.text]


def footer(page: AppTest) -> str:
    return page.chat_message[-1].caption[-1].value


def keys(page: AppTest) -> set[str]:
    return {str(button.key) for button in page.button}


def test_the_first_look_names_the_model_and_its_price(open_page: Open) -> None:
    """A visitor sees which model answers, what it reads, what it costs, and what to do."""
    page = open_page()

    assert not page.exception
    assert page.multiselect(key="model").value == [GEMINI]
    assert r"\$0.25 in, \$1.50 out per million tokens" in page.caption[0].value
    assert "reads text, image" in page.caption[0].value
    assert "Ask anything, or attach a picture" in page.caption[1].value


def test_an_answer_has_its_footer(open_page: Open) -> None:
    """Text, first token, speed, tokens and cost stand under an answer."""
    page = say(open_page(), "one two three #think=2")

    assert not page.exception
    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    assert "one two three" in texts(page)
    assert "first token" in footer(page)
    assert "4 tokens in · 5 out (2 thinking)" in footer(page)
    assert r"\$0.0000085" in footer(page)


def test_unknown_is_a_dash(open_page: Open) -> None:
    """What the server did not say is shown as –, never as 0."""
    page = choose(open_page(), GEMMA)
    say(page, "one two #fault=no_usage")

    assert "– tokens in · – out · cost –" in footer(page)


def test_an_error_says_what_to_do(open_page: Open) -> None:
    """A failed call shows its reason, the next step and the wait, and the page goes on."""
    page = say(open_page(), "one #fault=rate_limited")
    shown = page.error[0].value
    failed = footer(page)
    say(page, "one two")

    assert "Gemini asks for fewer requests" in shown
    assert "37 seconds" in shown
    assert failed.endswith("failed")
    assert "one two" in texts(page)


def test_a_picture_for_a_blind_model_is_refused_before_sending(open_page: Open, fake) -> None:
    """The page says which models can read it, and keeps text and picture for one of them."""
    page = choose(open_page(), BLIND)
    before = len(fake.asked)
    show_to(page, "look")

    assert "cannot read image input" in page.error[0].value
    assert r"These can\: gemini/gemini-3.1-flash-lite, ollama/gemma3\:4b" in page.error[0].value
    assert page.chat_input(key="chat_input").value == "look"
    assert "chat_untray_0" in keys(page)
    assert len(fake.asked) == before

    choose(page, GEMMA)
    say(page, "look")
    assert len(fake.asked[-1].body["messages"][0]["images"]) == 1
    assert "chat_untray_0" not in keys(page)


def test_a_picture_can_be_taken_off_again(open_page: Open, fake) -> None:
    """What was attached and is not wanted does not go along."""
    page = choose(open_page(), BLIND)
    show_to(page, "look")
    click(page, "chat_untray_0")
    say(page, "look")

    assert not page.error
    assert "images" not in fake.asked[-1].body["messages"][0]


def test_a_picture_is_shown_and_sent(open_page: Open) -> None:
    """An attached picture counts in the prompt and stays in the conversation."""
    page = show_to(open_page(), "look")

    assert not page.exception
    assert "11 tokens in" in footer(page)
    assert len(page.get("image")) == 1


def test_a_broken_file_is_named(open_page: Open) -> None:
    """A file that is not what it says is refused by its name, and the text is kept."""
    page = show_to(open_page(), "x", "odd.png", b"nothing")

    assert "odd.png" in page.error[0].value
    assert page.chat_input(key="chat_input").value == "x"
    assert len(page.chat_message) == 0


def test_an_address_that_is_not_allowed_stays_to_be_corrected(open_page: Open) -> None:
    """A picture's address inside this network is refused, and is still there to be changed."""
    page = unfold(open_page(), "chat_add")
    page.text_input(key="chat_url").set_value("http://127.0.0.1/a.png")
    click(page, "chat_fetch")

    assert len(page.error) == 1
    assert page.text_input(key="chat_url").value == "http://127.0.0.1/a.png"
    assert not any(key.startswith("chat_untray") for key in keys(page))


def test_an_empty_answer_says_why(open_page: Open) -> None:
    """A block, or a limit spent on thinking, is told in words, not by an empty bubble."""
    page = say(open_page(), "one #fault=safety")
    assert "safety filter" in page.warning[-1].value
    say(page, "one #fault=length_empty")

    assert "limit of tokens" in page.warning[-1].value


def test_the_model_can_change_in_mid_conversation(open_page: Open, fake) -> None:
    """Another model goes on where the first one stopped."""
    page = say(open_page(), "one")
    choose(page, QWEN)
    say(page, "two")

    sent = fake.asked[-1].body["messages"]
    assert [message["content"] for message in sent] == ["one", "one", "two"]
    assert QWEN in footer(page)


def test_without_a_model_nothing_can_be_asked(open_page: Open) -> None:
    """Who takes the last model away is told what is missing."""
    page = choose(open_page())

    assert "Choose a model" in page.caption[0].value
    assert page.chat_input(key="chat_input").disabled
    assert not page.exception


def test_with_nothing_to_ask_the_page_says_how_to_begin(open_page: Open, dead_address) -> None:
    """Each provider that is off says why and what turns it on."""
    page = open_page(GOOGLE_API_KEY="", VLLM_BASE_URL="", OLLAMA_HOST=f"http://{dead_address}")
    shown = " ".join(texts(page))

    assert "No model can be asked yet" in page.warning[0].value
    for step in ("GOOGLE_API_KEY", "ollama serve", "VLLM_BASE_URL", "EMBEDDED_MODEL"):
        assert step in shown
    assert page.chat_input(key="chat_input").disabled


def test_what_is_off_says_why(open_page: Open) -> None:
    """The models that cannot be asked are one click away, with what turns them on."""
    page = open_page(GOOGLE_API_KEY="")
    assert not any("GOOGLE_API_KEY" in text for text in texts(page))
    unfold(page, "chat_off")

    assert any("GOOGLE_API_KEY" in text for text in texts(page))
