"""The chat page: first look, an answer, and every way it can fail, with the next step."""

from streamlit.testing.v1 import AppTest

from lib.web import kit
from tests.api.pictures import picture
from tests.pages.conftest import Open


def say(page: AppTest, text: str) -> AppTest:
    return page.chat_input(key="chat_input").set_value(text).run()


def texts(page: AppTest) -> list[str]:
    return [part.value for part in page.markdown]


def footer(page: AppTest) -> str:
    return page.chat_message[-1].caption[-1].value


def test_the_first_look_names_the_model_and_its_price(open_page: Open) -> None:
    """A visitor sees which model answers, what it reads and what it costs."""
    page = open_page()

    assert not page.exception
    assert page.selectbox(key="model").value == "gemini/gemini-3.1-flash-lite"
    assert r"\$0.25 in, \$1.50 out per million tokens" in page.caption[0].value
    assert "Ask anything" in page.info[0].value


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
    page = open_page()
    page.selectbox(key="model").set_value("ollama/gemma3:4b").run()
    say(page, "one two #fault=no_usage")

    assert "– tokens in · – out · cost –" in footer(page)


def test_an_error_says_what_to_do(open_page: Open) -> None:
    """A failed call shows its reason, the next step and the wait, and the page goes on."""
    page = say(open_page(), "one #fault=rate_limited")
    shown = page.error[0].value
    again = say(page, "one two")

    assert "Gemini asks for fewer requests" in shown
    assert "37 seconds" in shown
    assert footer(page).endswith("failed") or "one two" in texts(again)
    assert "one two" in texts(again)


def test_a_picture_for_a_blind_model_is_refused_before_sending(open_page: Open, fake) -> None:
    """The page says which input the model cannot read; nothing is sent."""
    page = open_page()
    page.selectbox(key="model").set_value("ollama/llama3.2:3b").run()
    before = len(fake.asked)
    page.chat_input(key="chat_input").set_value("look").upload("a.png", picture(), "image/png")
    page.run()

    assert "cannot read image input" in page.error[0].value
    assert page.chat_input(key="chat_input").value == "look"
    assert "attach" not in page.info[0].value
    assert len(fake.asked) == before


def test_a_picture_is_shown_and_sent(open_page: Open) -> None:
    """An attached picture counts in the prompt and stays in the conversation."""
    page = open_page()
    page.chat_input(key="chat_input").set_value("look").upload("a.png", picture(), "image/png")
    page.run()

    assert not page.exception
    assert "11 tokens in" in footer(page)
    assert len(page.get("image")) == 1


def test_a_broken_file_is_named(open_page: Open) -> None:
    """A file that is not what it says is refused by its name."""
    page = open_page()
    page.chat_input(key="chat_input").set_value("x").upload("odd.png", b"nothing", "image/png")
    page.run()

    assert "odd.png" in page.error[0].value


def test_an_empty_answer_says_why(open_page: Open) -> None:
    """A block, or a limit spent on thinking, is told in words, not by an empty bubble."""
    page = say(open_page(), "one #fault=safety")
    assert "safety filter" in page.warning[-1].value
    say(page, "one #fault=length_empty")

    assert "limit of tokens" in page.warning[-1].value


def test_the_model_can_change_in_mid_conversation(open_page: Open, fake) -> None:
    """Another model goes on where the first one stopped."""
    page = say(open_page(), "one")
    page.selectbox(key="model").set_value("vllm/Qwen/Qwen3-4B").run()
    say(page, "two")

    sent = fake.asked[-1].body["messages"]
    assert [message["content"] for message in sent] == ["one", "one", "two"]
    assert "vllm/Qwen/Qwen3-4B" in footer(page)


def test_a_reload_finds_the_conversation(open_page: Open) -> None:
    """The URL holds the conversation, so a new session shows it again."""
    page = say(open_page(), "remember me")
    named = page.query_params["chat"]
    again = open_page()
    again.query_params["chat"] = named
    again.run()

    assert "remember me" in texts(again)
    assert not again.exception


def test_an_unknown_conversation_is_an_empty_page(open_page: Open) -> None:
    """A stale or forged link neither fails nor shows anybody's text."""
    page = open_page()
    page.query_params["chat"] = "' OR 1=1 --"
    page.run()

    assert not page.exception
    assert len(page.chat_message) == 0


def test_earlier_conversations_can_be_opened(open_page: Open) -> None:
    """The list holds what was asked; a click opens it."""
    page = say(open_page(), "the first question")
    page.button(key="chat_new").click().run()
    assert len(page.chat_message) == 0
    name = kit.app().conversations.recent()[0][0]
    page.button(key=f"chat_open_{name}").click().run()

    assert "the first question" in texts(page)


def test_with_nothing_to_ask_the_page_says_how_to_begin(open_page: Open, dead_address) -> None:
    """Each provider that is off says why and what turns it on."""
    page = open_page(GOOGLE_API_KEY="", VLLM_BASE_URL="", OLLAMA_HOST=f"http://{dead_address}")
    shown = " ".join(texts(page))

    assert "No model can be asked yet" in page.warning[0].value
    for step in ("GOOGLE_API_KEY", "ollama serve", "VLLM_BASE_URL", "EMBEDDED_MODEL"):
        assert step in shown
    assert page.chat_input(key="chat_input").disabled


def test_model_text_shows_no_remote_picture(open_page: Open) -> None:
    """A picture in a model's text stays text: fetching it would carry the chat away."""
    page = say(open_page(), "![x](http://evil.example/p.png) and $5 or $6")

    shown = next(text for text in texts(page) if "evil" in text)
    assert shown == r"!\[x](http://evil.example/p.png) and \$5 or \$6"


def test_settings_reach_the_model(open_page: Open, fake) -> None:
    """System prompt, longest answer and temperature are sent with the next prompt."""
    page = open_page()
    page.selectbox(key="model").set_value("ollama/gemma3:4b").run()
    page.text_area(key="chat_system").set_value("be brief")
    page.number_input(key="chat_max_tokens").set_value(512)
    page.slider(key="chat_temperature").set_value(0.2).run()
    say(page, "hello")

    sent = fake.asked[-1].body
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert (sent["options"]["num_predict"], sent["options"]["temperature"]) == (512, 0.2)
