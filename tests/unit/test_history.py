"""What was said before goes along with the next prompt, as far as the model can read it."""

import time
from dataclasses import replace

import pytest

from lib.core.chat import Media, ModelInfo
from lib.store.conversations import Turn
from lib.work.app import App
from lib.work.history import history
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, PICTURE, TEXT_ONLY, wait_until
from tests.unit.conftest import Talk

A, B, C = "p/a", "p/b", "p/c"


def no_file(name: str) -> Media:
    raise AssertionError(name)


def rewrite(app: App, talk: Talk, position: int, text: str) -> None:
    """Let an answer have said something else; the fake's models all say the same."""
    app.conversations.rewrite(talk.id or "", replace(talk.turns[position], text=text))


def sent(fake: FakeServer) -> list[tuple[str, str]]:
    """Role and text of all messages of the newest call, in Gemini's or Ollama's dialect."""
    body = fake.calls[-1].body
    if "messages" in body:
        return [(m["role"], m.get("content", "")) for m in body["messages"]]
    return [
        (content["role"], "".join(part.get("text", "<media>") for part in content["parts"]))
        for content in body["contents"]
    ]


def test_the_history_goes_along(fake: FakeServer, talk: Talk) -> None:
    """A model is told what was said before, in order and with its roles, and the options."""
    talk.say("first")
    talk.say("second")
    talk.say("third", system="be brief", max_tokens=77)

    assert sent(fake) == [
        ("user", "first"), ("model", "first"),
        ("user", "second"), ("model", "second"),
        ("user", "third"),
    ]  # fmt: skip
    assert "be brief" in str(fake.calls[-1].body)
    assert "77" in str(fake.calls[-1].body)


def test_a_prompt_without_an_answer_is_left_out(fake: FakeServer, talk: Talk) -> None:
    """Roles alternate: a question that failed is stored, but not sent again."""
    talk.say("first")
    talk.say("lost #fault=unavailable")
    talk.say("third")

    assert sent(fake) == [("user", "first"), ("model", "first"), ("user", "third")]
    assert [turn.text for turn in talk.turns] == [
        "first", "first", "lost #fault=unavailable", "", "third", "third",
    ]  # fmt: skip


def test_a_broken_answer_with_words_stays_in_the_history(fake: FakeServer, talk: Talk) -> None:
    """What was said before a break was said."""
    talk.say("one two #fault=cut")
    talk.say("next")

    assert sent(fake)[1] == ("model", "one")


def test_a_second_prompt_stops_the_answer_being_written(fake: FakeServer, talk: Talk) -> None:
    """One answer at a time: the earlier one keeps its words, stopped, and the provider hears it."""
    talk.say("#tokens=300 #pace=0.05", wait=False)
    assert wait_until(lambda: fake.calls and fake.calls[-1].finished is None)
    time.sleep(0.3)
    first = fake.calls[-1]
    talk.say("enough")

    assert [turn.role for turn in talk.turns] == ["user", "assistant", "user", "assistant"]
    assert talk.turns[1].facts["finish"] == "stopped"
    assert talk.turns[1].text.startswith("w1 w2")
    assert talk.answer.text == "enough"
    assert wait_until(lambda: first.hung_up)
    assert sent(fake)[1][1].startswith("w1 w2")


def test_pictures_are_sent_again_with_the_history(fake: FakeServer, talk: Talk) -> None:
    """A model that sees gets an earlier picture too."""
    talk.say("what is this", PICTURE)
    talk.say("and its colour")

    assert sent(fake)[0] == ("user", "<media>what is this")


def test_a_picture_stays_behind_when_the_model_cannot_see(fake: FakeServer, talk: Talk) -> None:
    """Changing to a text model goes on with the words alone; changing back, the picture is back."""
    talk.say("what is this", PICTURE)
    talk.say("and now", model=TEXT_ONLY)
    blind = fake.calls[-1].body["messages"]
    talk.say("and again", model=OLLAMA)

    assert [message["content"] for message in blind] == ["what is this", "what is this", "and now"]
    assert not any(message.get("images") for message in blind)
    assert fake.calls[-1].body["messages"][0]["images"]
    assert talk.answer.facts["model"] == OLLAMA


def test_a_bare_picture_is_no_empty_message_to_a_blind_model(fake: FakeServer, talk: Talk) -> None:
    """A prompt that was nothing but a picture is left out where the picture is: empty ones fail."""
    talk.say("", PICTURE)
    talk.say("and now", model=TEXT_ONLY)

    assert sent(fake) == [("user", "and now")]


@pytest.mark.parametrize(
    ("models", "better", "asked", "told"),
    [
        ((A, B), None, A, "said by a"),
        ((A, B), None, B, "said by b"),
        ((A, B), A, B, "said by b"),  # one's own before the better one
        ((A, B), None, C, "said by a"),  # the first
        ((A, B), B, C, "said by b"),  # the better one
        ((A, None, B), None, C, "said by a"),
        ((None, B), A, C, "said by b"),
        ((A, None), B, B, "said by a"),  # what was marked or one's own has no words
        ((A, A), None, A, "said by a"),
    ],
)
def test_which_answer_goes_along(
    models: tuple[str | None, ...], better: str | None, asked: str, told: str
) -> None:
    """The model's own answer, else the better one, else the first; one without words is none."""
    answers = [
        Turn(n, "assistant", f"said by {model[-1]}" if model else "", facts={"model": model or B})
        for n, model in enumerate(models, 4)
    ]
    turns = [Turn(3, "user", "ask"), *answers, Turn(9, "user", "lost"), Turn(10, "assistant", "")]
    info = ModelInfo(*asked.split("/"))

    assert [(m.role, m.text) for m in history(turns, {3: better}, info, no_file)] == [
        ("user", "ask"), ("assistant", told),
    ]  # fmt: skip


def test_an_answer_of_nobody_known_goes_along() -> None:
    """An answer without a model is as good as the first one."""
    turns = [Turn(0, "user", "ask"), Turn(1, "assistant", "old"), Turn(2, "assistant", "new")]

    assert [m.text for m in history(turns, {}, ModelInfo("p", "a"), no_file)] == ["ask", "old"]


def test_answers_without_a_prompt_are_left_out() -> None:
    turns = [Turn(0, "assistant", "who asked?"), Turn(1, "user", "me"), Turn(2, "user", "and me")]

    assert list(history(turns, {}, ModelInfo("p", "a"), no_file)) == []


def test_the_better_answer_goes_to_whom_was_not_asked(
    app: App, fake: FakeServer, talk: Talk
) -> None:
    """A mark decides what a third model is told."""
    talk.ask("one", models=[GEMINI, OLLAMA])
    rewrite(app, talk, 1, "of gemini")
    rewrite(app, talk, 2, "of ollama")
    app.marks.put(talk.id or "", 0, [GEMINI, OLLAMA], OLLAMA)
    talk.say("two", model=TEXT_ONLY)
    third = sent(fake)
    talk.say("three", model=GEMINI)

    assert [text for _, text in third] == ["one", "of ollama", "two"]
    assert [text for _, text in sent(fake)] == ["one", "of gemini", "two", "two", "three"]
