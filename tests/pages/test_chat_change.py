"""What was said can be said otherwise: edit, answer again, delete from here, look back."""

from lib.store.conversations import Turn
from lib.web import kit
from tests.api.pictures import picture
from tests.pages.conftest import Open
from tests.pages.test_chat import (
    GEMMA,
    QWEN,
    choose,
    click,
    conversation,
    keys,
    prompts,
    say,
    show_to,
    texts,
    unfold,
    visit,
)


def test_edit_and_send_again(open_page: Open, fake) -> None:
    """The edited prompt takes the place of the old one and of all that followed."""
    page = choose(open_page(), GEMMA)
    for text in ("one", "two", "three"):
        say(page, text)
    click(unfold(page, "chat_prompt_2"), "chat_edit_2")
    assert page.chat_input(key="chat_input").value == "two"
    assert "replaces it" in page.info[0].value
    say(page, "second")

    assert prompts(page) == ["one", "second"]
    sent = [message["content"] for message in fake.asked[-1].body["messages"]]
    assert sent == ["one", "one", "second"]
    assert len(page.info) == 0


def test_an_edit_can_be_given_up(open_page: Open) -> None:
    """Nothing changes, the line is empty, and the next prompt comes at the end."""
    page = say(say(open_page(), "one"), "two")
    click(unfold(page, "chat_prompt_0"), "chat_edit_0")
    click(page, "chat_unedit")
    assert not page.chat_input(key="chat_input").value
    say(page, "three")

    assert prompts(page) == ["one", "two", "three"]


def test_an_edit_stays_in_its_conversation(open_page: Open) -> None:
    """Begun here and not sent, it must not replace what was said in another conversation."""
    page = say(say(open_page(), "one"), "two")
    other = conversation(page)
    click(page, "chat_new")
    say(page, "elsewhere")
    click(unfold(page, "chat_prompt_0"), "chat_edit_0")
    click(unfold(page, "chat_list"), f"chat_open_{other}")
    assert len(page.info) == 0
    say(page, "three")

    assert [turn.text for turn in kit.app().conversations.turns(other)][::2] == [
        "one", "two", "three",
    ]  # fmt: skip


def test_an_edited_prompt_keeps_its_picture(open_page: Open, fake) -> None:
    """Other words about the same picture need no second upload."""
    page = choose(open_page(), GEMMA)
    show_to(page, "look")
    click(unfold(page, "chat_prompt_0"), "chat_edit_0")
    say(page, "look closer")

    message = fake.asked[-1].body["messages"][0]
    assert (message["content"], len(message["images"])) == ("look closer", 1)


def test_answer_again_with_other_models(open_page: Open) -> None:
    """The same prompt, answered anew by the models chosen now; what followed is gone."""
    page = say(say(choose(open_page(), GEMMA), "one"), "two")
    choose(page, QWEN)
    click(unfold(page, "chat_prompt_0"), "chat_again_0")
    turns = kit.app().conversations.turns(conversation(page))

    assert [turn.text for turn in turns] == ["one", "one"]
    assert turns[1].facts["model"] == QWEN
    assert not page.exception


def test_delete_from_here(open_page: Open) -> None:
    """A prompt goes with all that follows; an answer leaves its prompt."""
    page = say(say(say(open_page(), "one"), "two"), "three")
    unfold(page, "chat_prompt_4")
    assert any(caption.value.endswith("removes: 1.") for caption in page.caption)
    click(page, "chat_cut_4")
    assert prompts(page) == ["one", "two"]
    click(unfold(page, "chat_answer_3"), "chat_cut_3")

    assert prompts(page) == ["one", "two"]
    assert len(page.chat_message) == 3
    assert not page.exception


def test_the_first_prompt_can_be_deleted(open_page: Open) -> None:
    """The conversation is then empty, and one can begin again in it."""
    page = say(open_page(), "one")
    click(unfold(page, "chat_prompt_0"), "chat_cut_0")
    assert len(page.chat_message) == 0
    assert not page.exception
    say(page, "anew")

    assert prompts(page) == ["anew"]


def test_a_prompt_too_long_waits_for_a_decision(open_page: Open, fake) -> None:
    """It is not sent; the message says how long it is, and one may send it all the same."""
    page = choose(open_page(), QWEN)
    before, long = len(fake.asked), "word " * 32_000
    say(page, long)
    assert "room for 32,768 tokens" in page.warning[0].value
    assert "has 32,000, and the answer may take 2,048" in page.warning[0].value
    assert page.chat_input(key="chat_input").value == long
    assert len(fake.asked) == before
    click(page, "chat_anyway")

    assert len(fake.asked) == before + 1
    assert fake.asked[-1].body["messages"][0]["content"] == long
    assert not page.chat_input(key="chat_input").value
    assert "chat_anyway" not in keys(page)


def test_a_guessed_length_is_called_so(open_page: Open) -> None:
    """Where the server does not count, the number is about right."""
    page = say(choose(open_page(), QWEN), "#count=missing " + "word " * 40_000)

    assert "has about 40,0" in page.warning[0].value


def test_a_prompt_too_long_keeps_its_picture(open_page: Open, fake) -> None:
    """What waits goes out with what was attached."""
    page = choose(open_page(), "vllm/Qwen/Qwen2.5-VL-3B-Instruct")
    show_to(page, "word " * 32_000, data=picture())
    assert len(page.warning) == 1
    click(page, "chat_anyway")

    kinds = [part["type"] for part in fake.asked[-1].body["messages"][0]["content"]]
    assert sorted(kinds) == ["image_url", "text"]
    assert "chat_untray_0" not in keys(page)


def test_a_prompt_cut_by_the_server_is_told(open_page: Open, fake) -> None:
    """A server that reads only a part of the prompt does not do so in silence."""
    page = choose(open_page(), "ollama/gemma3:4b")
    say(page, "word " * 140_000)
    click(page, "chat_anyway")

    assert fake.asked[-1].body["options"]["num_ctx"] == 131_072
    assert "The server cut this prompt" in page.error[0].value


def test_a_long_conversation_is_shown_from_its_end(open_page: Open) -> None:
    """Of 500 messages the newest 40 are drawn; the others are a click away, and back again."""
    page = open_page()
    store = kit.app().conversations
    name = store.start("long")
    roles = ("user", "assistant")
    store.add(name, [Turn(n, roles[n % 2], f"message {n}") for n in range(500)])
    visit(page, name)
    assert len(page.chat_message) == 40
    assert prompts(page)[-1] == "message 498"
    assert "message 499" in texts(page)
    click(page, "chat_to_460")
    assert prompts(page)[0] == "message 420"
    assert prompts(page)[-1] == "message 458"
    click(page, "chat_to_None")
    assert prompts(page)[-1] == "message 498"
    click(page, "chat_to_460")
    say(page, "and now")

    assert prompts(page)[-1] == "and now"
    assert len(store.turns(name)) == 502


def test_the_beginning_has_nothing_before_it(open_page: Open) -> None:
    """Forty messages fit; no button leads to earlier ones."""
    page = open_page()
    store = kit.app().conversations
    name = store.start("short")
    store.add(name, [Turn(n, ("user", "assistant")[n % 2], "x") for n in range(40)])
    visit(page, name)

    assert len(page.chat_message) == 40
    assert not any(key.startswith("chat_to_") for key in keys(page))
