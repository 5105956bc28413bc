"""A long conversation is read page by page, at the price of the page alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from lib.store.conversations import Conversations, Turn
from lib.store.database import Database

MOST = 10_000


def turns(count: int, answers: int = 1) -> list[Turn]:
    """Prompts, each with so many answers."""
    return [
        Turn(n, "assistant" if n % (answers + 1) else "user", f"text {n}") for n in range(count)
    ]


@pytest.fixture
def store(database: Database) -> Conversations:
    return Conversations(database)


def talk(store: Conversations, stored: list[Turn]) -> str:
    conversation = store.start("Talk")
    store.add(conversation, stored)
    return conversation


def pages(store: Conversations, conversation: str, limit: int) -> list[list[Turn]]:
    """All of them, the newest first."""
    found = [store.page(conversation, None, limit)]
    while found[-1]:
        found.append(store.page(conversation, found[-1][0].position, limit))
    return found[:-1]


@pytest.mark.parametrize("answers", [1, 2, 3, 4])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 50])
def test_pages_hold_every_turn_once_and_no_torn_group(
    store: Conversations, answers: int, limit: int
) -> None:
    """Each page begins with a prompt, is as long as wanted or a group's rest longer."""
    stored = turns(23, answers)
    found = pages(store, talk(store, stored), limit)

    assert [turn for page in reversed(found) for turn in page] == stored
    assert all(page[0].role == "user" for page in found)
    assert all(limit <= len(page) <= limit + answers for page in found[:-1])
    assert len(found[-1]) <= limit + answers


def test_a_conversation_that_begins_with_an_answer_is_shown(store: Conversations) -> None:
    """Where there is no prompt, the page begins with what there is."""
    stored = [Turn(n, "assistant", f"text {n}") for n in range(20)]
    found = pages(store, talk(store, stored), 5)

    assert [turn for page in reversed(found) for turn in page] == stored


def test_an_empty_page(store: Conversations) -> None:
    conversation = talk(store, turns(4))

    assert store.page(conversation, 0, 10) == []
    assert store.page("nobody", None, 10) == []


def test_messages_are_counted_and_read_one_by_one(store: Conversations) -> None:
    stored = turns(7)
    conversation = talk(store, stored)

    assert store.count(conversation) == 7
    assert store.turn(conversation, 3) == stored[3]
    assert store.turn(conversation, 7) is None
    assert store.turn("nobody", 3) is None


@contextmanager
def counted(database: Database) -> Iterator[list[int]]:
    """How many steps SQLite's machine takes, in hundreds; the same every time."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def watch(_c: Any, cursor: sqlite3.Cursor, *_: Any) -> None:
        cursor.connection.set_progress_handler(count, 100)

    sa.event.listen(database.engine, "before_cursor_execute", watch)
    yield steps
    sa.event.remove(database.engine, "before_cursor_execute", watch)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_of_ten_thousand_messages_costs_no_more_than_of_a_hundred(
    database: Database, store: Conversations
) -> None:
    """Only the page's own rows are read, at the end and in the middle."""
    short, long = talk(store, turns(100)), talk(store, turns(MOST))
    with counted(database) as steps:
        store.page(short, None, 20)
        few, steps[0] = steps[0], 0
        page = store.page(long, None, 20)
        end, steps[0] = steps[0], 0
        store.page(long, MOST // 2, 20)
        middle, steps[0] = steps[0], 0
        store.turns(long)
        everything = steps[0]

    assert [turn.position for turn in page] == list(range(MOST - 20, MOST))
    assert max(end, middle) <= few + 1
    assert everything > 50 * (end + 1)
