"""Conversations come back as they were written, on SQLite and on Postgres."""

import pytest
import sqlalchemy as sa

from lib.core.chat import Media
from lib.core.errors import BadInput, NotFound
from lib.store.conversations import Conversations, Turn, name_of
from lib.store.database import Database

FACTS = {"model": "ollama/gemma3:4b", "finish": "stop", "usage": {"input_tokens": None}, "x": 1.5}
ODD = "zero \0, half \ud83d, 数据 😀, «$5»\r\n\tend "


def test_turns_come_back_as_written(database: Database):
    """Text, thought, files and facts of every turn survive, in the order of their positions."""
    store = Conversations(database)
    conversation = store.start("Hello")
    turns = [
        Turn(0, "user", ODD, media=("a" * 64, "b" * 64)),
        Turn(1, "assistant", "Answer", thought=ODD, facts=FACTS),
        Turn(2, "user", ""),
    ]
    store.add(conversation, turns[::-1])

    assert store.turns(conversation) == turns


def test_a_growing_answer_is_written_again(database: Database):
    """The same turn written again replaces its text and is no second turn."""
    store = Conversations(database)
    conversation = store.start("Hello")
    store.add(conversation, [Turn(1, "assistant", "")])
    for text in ("Gr", "Growing", "Growing."):
        store.rewrite(conversation, Turn(1, "assistant", text))

    assert store.turns(conversation) == [Turn(1, "assistant", "Growing.")]


def test_conversations_do_not_mix(database: Database):
    """Each conversation has its own turns."""
    store = Conversations(database)
    first, second = store.start("One"), store.start("Two")
    store.add(first, [Turn(0, "user", "mine")])
    store.add(second, [Turn(0, "user", "yours")])

    assert [turn.text for turn in store.turns(first)] == ["mine"]
    assert [turn.text for turn in store.turns(second)] == ["yours"]


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Hello  there\n\nfriend", "Hello there friend"),
        ("x" * 100, "x" * 60),
        ("   ", "…"),
        ("a\0b", "ab"),
        ("half \ud83d", "half ?"),
    ],
)
def test_a_title_is_one_short_line(database: Database, prompt: str, title: str):
    """A title is the prompt's first words, whatever characters the prompt holds."""
    store = Conversations(database)
    store.start(prompt)

    assert [entry.title for entry in store.recent()] == [title]


def test_a_file_is_stored_once(database: Database):
    """The same bytes have one name and one row, other bytes another, and all come back exactly."""
    store = Conversations(database)
    picture, sound = Media("image/png", bytes(range(256))), Media("audio/wav", b"\0\0")
    names = [name_of(media) for media in (picture, sound, picture)]
    prompt = Turn(0, "user", "look, listen, look again", media=tuple(names))
    store.add(store.start("Files"), [prompt], (picture, sound, picture))
    with database.read() as connection:
        rows = connection.scalar(sa.text("SELECT count(*) FROM media"))

    assert names[0] == names[2] != names[1]
    assert rows == 2
    assert [store.media(name) for name in names] == [picture, sound, picture]


def test_what_was_removed_is_not_written_again(database: Database):
    """A late word of an answer brings back neither the answer nor its conversation."""
    store = Conversations(database)
    cut, deleted = store.start("One"), store.start("Two")
    for conversation in (cut, deleted):
        store.add(conversation, [Turn(0, "user", "ask"), Turn(1, "assistant", "")])
    store.cut(cut, 1)
    store.delete(deleted)
    for conversation in (cut, deleted):
        store.rewrite(conversation, Turn(1, "assistant", "late"))

    assert [turn.text for turn in store.turns(cut)] == ["ask"]
    assert store.turns(deleted) == []
    assert not store.exists(deleted)


def test_nothing_is_added_to_a_deleted_conversation(database: Database):
    """The prompt is refused, and no file of it stays."""
    store = Conversations(database)
    conversation, picture = store.start("One"), Media("image/png", b"picture")
    store.delete(conversation)
    with pytest.raises(NotFound):
        store.add(conversation, [Turn(0, "user", "look", media=(name_of(picture),))], [picture])

    assert store.turns(conversation) == []
    with pytest.raises(NotFound):
        store.media(name_of(picture))


def test_a_place_that_is_taken_is_refused(database: Database):
    """Two machines that speak at once: the second is told so, and neither's words are lost."""
    store = Conversations(database)
    conversation = store.start("One")
    store.add(conversation, [Turn(0, "user", "first")])
    with pytest.raises(BadInput):
        store.add(conversation, [Turn(0, "user", "second"), Turn(1, "assistant", "")])

    assert [turn.text for turn in store.turns(conversation)] == ["first"]


def test_settings_come_back(database: Database):
    """What a conversation is set to is kept with it; before that there is nothing."""
    store = Conversations(database)
    conversation, other = store.start("One"), store.start("Two")
    first, second = (Turn(at, "user", "hello") for at in (0, 1))
    store.add(conversation, [first], settings={"models": ["a"], "options": {"system": ODD}})
    store.add(conversation, [second], settings={"models": ["b"], "options": {"system": ODD}})
    store.rewrite(conversation, second)

    assert store.settings(conversation) == {"models": ["b"], "options": {"system": ODD}}
    assert store.settings(other) is None
    assert store.settings("nobody") is None


def test_an_unknown_conversation_is_empty(database: Database):
    """An id nobody gave out does not exist and has no turns; one given out exists."""
    store = Conversations(database)
    known = store.start("Hello")

    assert store.exists(known)
    assert not store.exists("nobody")
    assert store.title("nobody") is None
    assert (store.turns("nobody"), store.count("nobody")) == ([], 0)


def test_nothing_is_lost_over_a_restart(database_url: str):
    """Another start of the server finds what the last one wrote."""
    first = Database(database_url)
    conversation = Conversations(first).start("Hello")
    Conversations(first).add(conversation, [Turn(0, "user", "Hello")])
    first.close()
    second = Database(database_url)
    turns = Conversations(second).turns(conversation)
    second.close()

    assert turns == [Turn(0, "user", "Hello")]
