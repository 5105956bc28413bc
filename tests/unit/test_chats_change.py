"""Asking again, editing, cutting and deleting: all of it or nothing, also while answers grow."""

import time

import pytest

from lib.core.chat import Media
from lib.core.errors import AppError, BadInput, NotFound, Unsupported
from lib.store.conversations import Turn, name_of
from lib.work.app import App
from lib.work.chats import Chats
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, PICTURE, TEXT_ONLY, wait_until
from tests.unit.conftest import Talk

OTHER = Media("image/png", b"\x89PNG\r\n\x1a\n another")


def texts(talk: Talk) -> list[str]:
    return [turn.text for turn in talk.turns]


def begin(talk: Talk) -> str:
    """Two prompts, each answered by two models."""
    talk.ask("one", PICTURE, models=[GEMINI, OLLAMA])
    talk.ask("two", models=[GEMINI, OLLAMA])
    return talk.id or ""


def kept(app: App, media: Media) -> bool:
    try:
        return app.conversations.media(name_of(media)) == media
    except NotFound:
        return False


def sent(fake: FakeServer) -> str:
    return str(fake.calls[-1].body)


def test_a_prompt_is_answered_anew(app: App, chats: Chats, talk: Talk) -> None:
    """Other models answer the same prompt; what stood behind it is gone, what before stays."""
    conversation = begin(talk)
    before = talk.turns
    app.marks.put(conversation, 0, [GEMINI, OLLAMA], GEMINI)
    app.marks.put(conversation, 3, [GEMINI, OLLAMA], OLLAMA)
    chats.again(conversation, 3, talk.choices(TEXT_ONLY))
    talk.wait()

    assert talk.turns[:4] == before[:4]
    assert [(t.position, t.text, t.facts["model"]) for t in talk.turns[4:]] == [
        (4, "two", TEXT_ONLY)
    ]
    assert app.marks.of(conversation) == {0: GEMINI}
    assert app.conversations.settings(conversation) == {
        "models": [TEXT_ONLY], "options": {"max_tokens": 2048},
    }  # fmt: skip


def test_answering_an_early_prompt_anew_removes_all_behind_it(
    app: App, chats: Chats, fake: FakeServer, talk: Talk
) -> None:
    """The conversation goes on from there; the prompt's picture goes along and stays stored."""
    conversation = begin(talk)
    chats.again(conversation, 0, talk.choices(OLLAMA), None)
    talk.wait()

    assert texts(talk) == ["one", "one"]
    assert talk.turns[0].media == (name_of(PICTURE),)
    assert kept(app, PICTURE)
    assert len(fake.calls[-1].body["messages"]) == 1
    assert fake.calls[-1].body["messages"][0]["images"]


def test_an_edited_prompt_is_answered(app: App, chats: Chats, fake: FakeServer, talk: Talk) -> None:
    """Its new words are asked with its old picture, and what was said before goes along."""
    conversation = begin(talk)
    chats.edit(conversation, 3, talk.choices(GEMINI), "three")
    talk.wait()
    later = texts(talk)
    chats.edit(conversation, 0, talk.choices(GEMINI), "zero")
    talk.wait()

    assert later == ["one", "one", "one", "three", "three"]
    assert texts(talk) == ["zero", "zero"]
    assert talk.turns[0].media == (name_of(PICTURE),)
    assert kept(app, PICTURE)


def test_an_edit_may_bring_other_files(app: App, chats: Chats, talk: Talk) -> None:
    """The old picture is gone with the last prompt that showed it."""
    conversation = begin(talk)
    chats.edit(conversation, 0, talk.choices(GEMINI), "look here", None, (OTHER,))
    talk.wait()
    other = (kept(app, OTHER), kept(app, PICTURE))
    chats.edit(conversation, 0, talk.choices(TEXT_ONLY), "no picture", None, ())
    talk.wait()

    assert other == (True, False)
    assert talk.turns[0] == Turn(0, "user", "no picture")
    assert not kept(app, OTHER)


@pytest.mark.parametrize(
    ("position", "models", "text", "media", "error"),
    [
        (0, [TEXT_ONLY], "edited", None, Unsupported),
        (0, [GEMINI, TEXT_ONLY], "edited", (OTHER,), Unsupported),
        (0, [], "edited", None, BadInput),
        (0, [GEMINI, GEMINI], "edited", None, BadInput),
        (0, [GEMINI], " ", (), BadInput),
        (1, [GEMINI], "edited", None, BadInput),
        (99, [GEMINI], "edited", None, BadInput),
    ],
)
def test_a_refused_edit_keeps_everything(
    app: App, chats: Chats, talk: Talk, position: int, models: list[str], text: str,
    media: tuple[Media, ...] | None, error: type[AppError],
) -> None:  # fmt: skip
    """Nothing is removed, stored, marked, set or stopped before it is sure to be asked."""
    conversation = begin(talk)
    app.marks.put(conversation, 0, [GEMINI, OLLAMA], GEMINI)
    talk.say("#tokens=20 #pace=0.02", wait=False)
    before, settings = talk.turns[:-1], app.conversations.settings(conversation)
    with pytest.raises(error):
        chats.edit(conversation, position, talk.choices(*models), text, None, media)
    talk.wait()

    assert talk.turns[:-1] == before
    assert talk.answer.facts["finish"] == "stop"
    assert app.marks.of(conversation) == {0: GEMINI}
    assert app.conversations.settings(conversation) == settings
    assert kept(app, PICTURE)
    assert not kept(app, OTHER)


def test_a_refused_second_try_keeps_everything(chats: Chats, talk: Talk) -> None:
    """Asking a blind model about a picture again leaves the answers of those that see."""
    conversation = begin(talk)
    before = talk.turns
    with pytest.raises(Unsupported):
        chats.again(conversation, 0, talk.choices(GEMINI, TEXT_ONLY))
    with pytest.raises(BadInput):
        chats.again(conversation, 2, talk.choices(GEMINI))

    assert talk.turns == before


def test_editing_while_it_is_answered(fake: FakeServer, chats: Chats, talk: Talk) -> None:
    """The old answer is hung up on, and none of its words come back behind the new prompt."""
    talk.say("#tokens=300 #pace=0.02", wait=False)
    talk.live[1].wait(3, timeout_s=5)
    old, call = talk.live[1], fake.calls[-1]
    chats.edit(talk.id or "", 0, talk.choices(GEMINI), "new")
    talk.wait()

    assert old.done
    assert wait_until(lambda: call.hung_up)
    assert texts(talk) == ["new", "new"]
    assert talk.answer.facts["finish"] == "stop"


def test_an_answer_that_does_not_end_in_time_writes_no_more(
    chats: Chats, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words come when its place is another's already; they go nowhere."""
    monkeypatch.setattr("lib.work.chats.STOP_S", 0)
    talk.say("#tokens=300 #pace=0.02", wait=False)
    for edit in range(5):
        old = talk.live[1]
        old.wait(3, timeout_s=5)
        chats.edit(talk.id or "", 0, talk.choices(GEMINI), f"#tokens=300 #pace=0.02 {edit}")
        old.join(5)
        first = talk.answer

        assert (first.text, first.facts["finish"]) == ("", "incomplete")


def test_cutting_while_an_answer_grows(fake: FakeServer, chats: Chats, talk: Talk) -> None:
    """What is being written from there on ends and stays away; answers before it go on."""
    talk.ask("#tokens=12 #pace=0.05", models=[GEMINI, OLLAMA, TEXT_ONLY], wait=False)
    live = talk.live
    live[2].wait(2, timeout_s=5)
    chats.cut(talk.id or "", 2)
    left = set(talk.live)
    live[1].join(5)

    assert left <= {1}
    assert (live[2].done, live[3].done) == (True, True)
    assert live[3].began is None
    assert [turn.position for turn in talk.turns] == [0, 1]
    assert talk.answer.text.endswith("w12")
    assert talk.answer.facts["finish"] == "stop"


def test_the_next_prompt_follows_the_cut(talk: Talk, chats: Chats, fake: FakeServer) -> None:
    """A conversation cut in the middle of a round goes on behind what is left."""
    begin(talk)
    chats.cut(talk.id or "", 5)
    talk.say("three")
    chats.cut(talk.id or "", 0)
    talk.say("anew")

    assert [(turn.position, turn.text) for turn in talk.turns] == [(0, "anew"), (1, "anew")]
    assert "three" not in sent(fake)


def test_deleting_while_answers_grow(app: App, chats: Chats, talk: Talk) -> None:
    """Everything ends and nothing comes back; the ledger keeps what was asked."""
    talk.say("#tokens=300 #pace=0.02", PICTURE, wait=False)
    live = talk.live[1]
    live.wait(3, timeout_s=5)
    chats.delete(talk.id or "")
    time.sleep(0.1)

    assert live.done
    assert talk.live == {}
    assert app.conversations.recent() == []
    assert talk.turns == []
    assert not kept(app, PICTURE)
    assert [row["finish"] for row in app.ledger.rows()] == ["stopped"]


def test_a_picture_another_conversation_shows_stays(app: App, chats: Chats, talk: Talk) -> None:
    """Only with the last of them it goes."""
    other = Talk(app, chats)
    talk.say("look", PICTURE)
    other.say("look", PICTURE)
    chats.delete(talk.id or "")
    shared = kept(app, PICTURE)
    chats.delete(other.id or "")

    assert shared
    assert not kept(app, PICTURE)


def test_a_deleted_conversation_takes_no_more_prompts(app: App, chats: Chats, talk: Talk) -> None:
    """A second window that still shows it is told so, and nothing is asked."""
    begin(talk)
    chats.delete(talk.id or "")
    asked = len(app.ledger.rows())
    with pytest.raises(NotFound):
        talk.say("more")
    with pytest.raises(BadInput):
        chats.again(talk.id or "", 0, talk.choices(GEMINI))

    assert len(app.ledger.rows()) == asked
    assert talk.turns == []
