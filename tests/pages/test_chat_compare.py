"""Several models side by side: who answered, how fast, for how much, and which was better."""

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from lib.web import kit
from tests.api.pictures import picture
from tests.fakes.gemini_errors import BAD_KEY
from tests.pages.conftest import Open
from tests.pages.test_chat import (
    BLIND,
    GEMINI,
    GEMMA,
    QWEN,
    choose,
    click,
    conversation,
    keys,
    say,
    show_to,
    texts,
    unfold,
    visit,
)


def table(page: AppTest) -> list[list[str]]:
    """The last table's rows, its head first."""
    frame = page.table[-1].value
    return [list(frame.columns), *frame.to_numpy().tolist()]


def mark(page: AppTest):
    return next(one for one in page.segmented_control if str(one.key).startswith("chat_mark"))


def test_two_models_answer_the_same_prompt(open_page: Open, fake) -> None:
    """Each answer stands under its model's name, and a table compares what they took."""
    page = choose(open_page(), GEMINI, GEMMA)
    say(page, "one two three")
    head, *rows = table(page)

    assert [call.dialect for call in fake.asked[-2:]] in (
        ["gemini", "ollama"],
        ["ollama", "gemini"],
    )
    assert texts(page).count("one two three") == 2
    assert f"**{GEMINI}**" in texts(page)
    assert head == ["Model", "first token", "tok/s", "tokens in", "out", "cost"]
    assert [row[0] for row in rows] == [GEMINI, r"ollama/gemma3\:4b"]
    assert [row[3:5] for row in rows] == [["3", "3"], ["3", "3"]]
    assert rows[0][5].startswith(r"\$")
    assert rows[1][5] == "–"


def test_models_of_one_machine_take_turns(open_page: Open, fake) -> None:
    """They do not slow each other, and the table says how long the second one waited."""
    page = choose(open_page(), GEMMA, QWEN)
    say(page, "one #slow=0.3")
    head, *rows = table(page)
    first, second = fake.asked[-2:]

    assert first.finished is not None
    assert second.started >= first.finished
    assert head[-1] == "waited"
    assert rows[0][-1] == "0 ms"
    assert int(rows[1][-1].removesuffix(" ms").replace(",", "")) >= 300
    assert any("took turns" in caption.value for caption in page.caption)


def test_an_answer_alone_is_compared_with_nothing(open_page: Open) -> None:
    """One model needs no table and no verdict."""
    page = say(open_page(), "one")

    assert len(page.table) == 0
    assert not any(str(one.key).startswith("chat_mark") for one in page.segmented_control)


def test_one_that_fails_leaves_the_other(open_page: Open) -> None:
    """The table says of which model the answer failed; the other's stands."""
    page = open_page(GOOGLE_API_KEY=BAD_KEY)
    choose(page, GEMMA, GEMINI)
    say(page, "one two")
    rows = table(page)[1:]

    assert "one two" in texts(page)
    assert [row[0] for row in rows] == [r"ollama/gemma3\:4b", f"{GEMINI} (failed)"]
    assert len(page.error) == 1


def test_all_are_asked_or_none(open_page: Open, fake) -> None:
    """A picture that one of them cannot read is refused before anybody is asked."""
    page = choose(open_page(), GEMMA, BLIND)
    before = len(fake.asked)
    show_to(page, "look")

    assert r"ollama/llama3.2\:3b cannot read image input" in page.error[0].value
    assert len(fake.asked) == before
    assert "chat_untray_0" in keys(page)


def test_both_see_the_picture(open_page: Open, fake) -> None:
    """A picture goes to every model chosen."""
    page = choose(open_page(), GEMINI, GEMMA)
    show_to(page, "look", data=picture(size=(20, 10)))

    assert [row[3] for row in table(page)[1:]] == ["11", "11"]


def test_a_verdict_is_kept(open_page: Open) -> None:
    """Which answer was better is there again after a reload, and can be taken back."""
    page = choose(open_page(), GEMMA, QWEN)
    say(page, "one")
    name = conversation(page)
    mark(page).set_value(QWEN).run()
    assert kit.app().marks.of(name) == {0: QWEN}
    again = visit(open_page(), name)
    assert mark(again).value == QWEN

    mark(again).set_value("a tie").run()
    assert kit.app().marks.of(name) == {0: None}
    mark(again).set_value(None).run()
    assert kit.app().marks.of(name) == {}


def test_a_verdict_belongs_to_its_conversation(open_page: Open) -> None:
    """Another conversation with the same models, opened right after, shows none."""
    page = choose(open_page(), GEMMA, QWEN)
    say(page, "first")
    first = conversation(page)
    click(page, "chat_new")
    say(page, "second")
    mark(page).set_value(QWEN).run()
    unfold(page, "chat_list")
    click(page, f"chat_open_{first}")

    assert mark(page).value is None


def test_the_better_answer_goes_on(open_page: Open, fake) -> None:
    """A third model continues from the answer that was marked."""
    page = choose(open_page(), GEMMA, QWEN)
    say(page, "one")
    name, store = conversation(page), kit.app().conversations
    store.rewrite(name, replace(store.turns(name)[2], text="what Qwen said"))
    mark(page).set_value(QWEN).run()
    choose(page, GEMINI)
    say(page, "two")

    sent = fake.asked[-1].body["contents"]
    assert [content["parts"][0]["text"] for content in sent] == ["one", "what Qwen said", "two"]


def test_a_reload_finds_models_and_settings(open_page: Open) -> None:
    """The address of a conversation brings back its words, its models and its settings."""
    page = unfold(choose(open_page(), GEMMA, QWEN), "chat_settings")
    page.text_area(key="chat_set_system").set_value("be brief").run()
    say(page, "remember me")
    again = visit(open_page(), conversation(page))
    unfold(again, "chat_settings")

    assert texts(again).count("remember me") == 2
    assert again.multiselect(key="model").value == [GEMMA, QWEN]
    assert again.text_area(key="chat_set_system").value == "be brief"
    assert not again.exception


def test_four_at_most(open_page: Open) -> None:
    """A fifth model is not taken."""
    page = open_page()

    assert page.multiselect(key="model").max_selections == 4


def test_every_answer_has_its_footer(open_page: Open) -> None:
    """Three models, three footers, each with its own name."""
    page = choose(open_page(), GEMINI, GEMMA, QWEN)
    say(page, "#tokens=5 #pace=0.02")
    footers = [part.value for part in page.chat_message[-1].caption]

    assert [text.split(" · ")[0] for text in footers] == [GEMINI, GEMMA, QWEN]
    assert all("5 out" in text for text in footers)
