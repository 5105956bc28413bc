"""Conversations come back as they were written, on SQLite and on Postgres."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from lib.core.chat import Media
from lib.store.conversations import Conversations, Turn
from lib.store.database import Database

FACTS = {"model": "ollama/gemma3:4b", "finish": "stop", "usage": {"input_tokens": None}, "x": 1.5}
ODD = "zero \0, half \ud83d, 数据 😀, «$5»\r\n\tend "


def clock(*seconds: int) -> Callable[[], datetime]:
    """One time per call."""
    times = iter(seconds)
    return lambda: datetime(2026, 11, 22, 10, 0, next(times), tzinfo=UTC)


def test_turns_come_back_as_written(database: Database):
    """Text, thought, files and facts of every turn survive, in the order of their positions."""
    store = Conversations(database)
    conversation = store.start("Hello")
    turns = [
        Turn(0, "user", ODD, media=("a" * 64, "b" * 64)),
        Turn(1, "assistant", "Answer", thought=ODD, facts=FACTS),
        Turn(2, "user", ""),
    ]
    for turn in reversed(turns):
        store.put(conversation, turn)

    assert store.turns(conversation) == turns


def test_a_growing_answer_is_written_again(database: Database):
    """The same turn written again replaces its text and is no second turn."""
    store = Conversations(database)
    conversation = store.start("Hello")
    for text in ("Gr", "Growing", "Growing."):
        store.put(conversation, Turn(1, "assistant", text))

    assert store.turns(conversation) == [Turn(1, "assistant", "Growing.")]


def test_conversations_do_not_mix(database: Database):
    """Each conversation has its own turns."""
    store = Conversations(database)
    first, second = store.start("One"), store.start("Two")
    store.put(first, Turn(0, "user", "mine"))
    store.put(second, Turn(0, "user", "yours"))

    assert [turn.text for turn in store.turns(first)] == ["mine"]
    assert [turn.text for turn in store.turns(second)] == ["yours"]


def test_recent_ones_come_first(database: Database):
    """The conversation written to last stands first, and the list is as long as wanted."""
    store = Conversations(database, clock(1, 2, 3, 4))
    ids = [store.start(title) for title in ("One", "Two", "Three")]
    store.put(ids[0], Turn(0, "user", "again"))

    assert [title for _, title in store.recent()] == ["One", "Three", "Two"]
    assert store.recent(limit=1) == [(ids[0], "One")]


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

    assert [shown for _, shown in store.recent()] == [title]


def test_a_file_is_stored_once(database: Database):
    """The same bytes have one name and one row, other bytes another, and all come back exactly."""
    store = Conversations(database)
    picture, sound = Media("image/png", bytes(range(256))), Media("audio/wav", b"\0\0")
    names = [store.keep(media) for media in (picture, sound, picture)]
    with database.read() as connection:
        rows = connection.scalar(sa.text("SELECT count(*) FROM media"))

    assert names[0] == names[2] != names[1]
    assert rows == 2
    assert [store.media(name) for name in names] == [picture, sound, picture]


def test_an_unknown_conversation_is_empty(database: Database):
    """An id nobody gave out does not exist and has no turns; one given out exists."""
    store = Conversations(database)
    known = store.start("Hello")

    assert store.exists(known)
    assert not store.exists("nobody")
    assert store.turns("nobody") == []


def test_nothing_is_lost_over_a_restart(database_url: str):
    """Another start of the server finds what the last one wrote."""
    first = Database(database_url)
    conversation = Conversations(first).start("Hello")
    Conversations(first).put(conversation, Turn(0, "user", "Hello"))
    first.close()
    second = Database(database_url)
    turns = Conversations(second).turns(conversation)
    second.close()

    assert turns == [Turn(0, "user", "Hello")]
