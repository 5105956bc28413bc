"""The list of conversations: newest first, pinned before them, found by any word of theirs."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from lib.core.errors import BadInput
from lib.store.conversations import Conversations, Entry, Turn
from lib.store.database import Database


def clock(*seconds: int) -> Callable[[], datetime]:
    """One time per call."""
    times = iter(seconds)
    return lambda: datetime(2026, 11, 22, 10, 0, next(times), tzinfo=UTC)


def titles(store: Conversations, search: str = "", limit: int = 50) -> list[str]:
    return [entry.title for entry in store.recent(search, limit)]


def talk(store: Conversations, title: str, *texts: str) -> str:
    conversation = store.start(title)
    roles = ("user", "assistant") * len(texts)
    turns = [Turn(n, roles[n], text) for n, text in enumerate(texts)]
    store.add(conversation, turns)
    return conversation


def test_recent_ones_come_first(database: Database) -> None:
    """The conversation written to last stands first, and the list is as long as wanted."""
    store = Conversations(database, clock(1, 2, 3, 4))
    ids = [store.start(title) for title in ("One", "Two", "Three")]
    store.add(ids[0], [Turn(0, "user", "again")])

    assert titles(store) == ["One", "Three", "Two"]
    assert store.recent(limit=1) == [
        Entry(ids[0], "One", "2026-11-22T10:00:04.000000+00:00", False)
    ]


def test_a_growing_answer_counts_as_writing(database: Database) -> None:
    """What is being answered now stands above what was asked later."""
    store = Conversations(database, clock(1, 2, 3, 4))
    first = store.start("First")
    store.add(first, [Turn(0, "assistant", "")])
    store.start("Second")
    store.rewrite(first, Turn(0, "assistant", "more"))

    assert titles(store) == ["First", "Second"]


def test_pinned_ones_stand_above_the_newest(database: Database) -> None:
    """A pin holds a conversation at the top until it is taken away; it is no writing."""
    store = Conversations(database, clock(1, 2, 3))
    ids = [store.start(title) for title in ("One", "Two", "Three")]
    store.pin(ids[0], True)
    pinned = [(entry.title, entry.pinned) for entry in store.recent()]
    was_pinned = store.pinned(ids[0])
    store.pin(ids[0], False)

    assert pinned == [("One", True), ("Three", False), ("Two", False)]
    assert was_pinned
    assert titles(store) == ["Three", "Two", "One"]
    assert not store.pinned(ids[0])


def test_a_title_can_be_changed(database: Database) -> None:
    """The new title is cleaned like the first one, may be longer, and is found by the search."""
    store = Conversations(database, clock(1, 2))
    conversation = store.start("Old")
    store.start("Newer")
    store.rename(conversation, f"  New \0\n title {'x' * 200}")

    title = store.title(conversation) or ""
    assert title.startswith("New title xxx")
    assert len(title) == 120
    assert titles(store, "new TITLE") == [title]
    assert titles(store, "old") == []
    assert titles(store) == ["Newer", title]


@pytest.mark.parametrize("blank", ["", " \n\t", "\0"])
def test_a_blank_title_is_refused(database: Database, blank: str) -> None:
    store = Conversations(database)
    conversation = store.start("Old")
    with pytest.raises(BadInput, match="title"):
        store.rename(conversation, blank)

    assert store.title(conversation) == "Old"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["Ships", "Trees"]),
        ("ship", ["Ships"]),
        ("SAIL", ["Ships"]),
        ("oak", ["Trees"]),
        ("GRÖSSE", ["Trees"]),  # ß is ss without case
        ("größe", ["Trees"]),
        ("数据", ["Ships"]),
        ("under oak", ["Trees"]),  # words, in any order and any message
        ("ships wind", ["Ships"]),  # one in the title, one in a message
        ("ships oak", []),
        ("ind", ["Ships"]),
        ("100%", ["Ships"]),
        ("100_", []),
        ("%", ["Ships"]),
        ("_", ["Trees"]),
        ("!", ["Trees"]),
        ("\\", ["Trees"]),
        ("a' OR '1", []),
        ("new\nline", ["Trees"]),
        ("\0 ship", ["Ships"]),
        ("\ud83d", ["Trees"]),  # half a character is a «?»
        ("text", []),  # a name of our own columns and fields
        ("model", []),
    ],
)
def test_words_are_found_in_titles_and_messages(
    database: Database, search: str, found: list[str]
) -> None:
    """All words, as parts of words, without case in any language; no sign is a wildcard."""
    store = Conversations(database, clock(*range(9)))
    talk(store, "Trees", "Die Größe?\nnew  line", "under_score! back\\slash", "oak")
    talk(store, "Ships", "Sails and wind", "100% 数据")

    assert sorted(titles(store, search)) == found


def test_an_answer_is_found_by_its_newest_words(database: Database) -> None:
    """While an answer grows, what it says now is found."""
    store = Conversations(database)
    conversation = talk(store, "Talk", "ask", "old words")
    store.rewrite(conversation, Turn(1, "assistant", "NEW words"))

    assert titles(store, "new") == ["Talk"]
    assert titles(store, "old") == []


def test_a_long_search_is_answered(database: Database) -> None:
    """Whatever is pasted into the search is no error; its beginning counts."""
    store = Conversations(database)
    talk(store, "Talk", "a " * 50)

    assert titles(store, "a " * 100_000) == ["Talk"]
    assert titles(store, "a% " * 100_000) == []
