"""Removing from a conversation: messages, their marks, and the files nobody else uses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from lib.core.chat import Media
from lib.core.errors import BadInput, NotFound
from lib.store.conversations import Conversations, Turn, name_of
from lib.store.database import MIGRATIONS, Database, to_json
from lib.store.marks import Marks

PICTURE, SOUND = Media("image/png", b"picture"), Media("audio/wav", b"sound")


def prompt(position: int, *media: Media) -> Turn:
    return Turn(position, "user", f"prompt {position}", media=tuple(map(name_of, media)))


def answer(position: int) -> Turn:
    return Turn(position, "assistant", f"answer {position}")


def kept(store: Conversations, media: Media) -> bool:
    try:
        return store.media(name_of(media)) == media
    except NotFound:
        return False


@pytest.fixture
def store(database: Database) -> Conversations:
    return Conversations(database)


def talk(store: Conversations) -> str:
    """Two prompts, each with a file and two answers."""
    conversation = store.start("Talk")
    turns = [prompt(0, PICTURE), answer(1), answer(2), prompt(3, SOUND), answer(4), answer(5)]
    store.add(conversation, turns, [PICTURE, SOUND])
    return conversation


def positions(store: Conversations, conversation: str) -> list[int]:
    return [turn.position for turn in store.turns(conversation)]


@pytest.mark.parametrize(("cut", "left"), [(5, 5), (3, 3), (1, 1), (0, 0), (6, 6)])
def test_a_cut_removes_everything_from_there_on(store: Conversations, cut: int, left: int) -> None:
    """What stands before stays; the conversation itself stays even when nothing is left."""
    conversation, other = talk(store), talk(store)
    store.cut(conversation, cut)

    assert positions(store, conversation) == list(range(left))
    assert positions(store, other) == list(range(6))
    assert store.exists(conversation)


@pytest.mark.parametrize(
    ("cut", "left"), [(6, {0, 3}), (5, {0}), (3, {0}), (2, set()), (0, set()), (99, {0, 3})]
)
def test_marks_go_with_their_answers(
    database: Database, store: Conversations, cut: int, left: set[int]
) -> None:
    """A comparison that lost an answer is none; those before stay, in other conversations too."""
    marks, conversation, other = Marks(database), talk(store), talk(store)
    for one in (conversation, other):
        marks.put(one, 0, ["a", "b"], "a")
        marks.put(one, 3, ["a", "b"], None)
    store.cut(conversation, cut)

    assert set(marks.of(conversation)) == left
    assert set(marks.of(other)) == {0, 3}


def test_a_deleted_conversation_leaves_nothing(database: Database, store: Conversations) -> None:
    """Messages, marks, files and the entry in the list are gone; other conversations stay."""
    conversation, other = talk(store), store.start("Other")
    Marks(database).put(conversation, 0, ["a", "b"], "a")
    store.delete(conversation)
    store.delete("nobody")
    with database.read() as connection:
        left = {
            table: connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))
            for table in ("conversations", "messages", "message_media", "media", "marks")
        }

    assert [entry.id for entry in store.recent()] == [other]
    assert left == {"conversations": 1, "messages": 0, "message_media": 0, "media": 0, "marks": 0}


def test_a_file_another_message_uses_stays(store: Conversations) -> None:
    """The last message that names a file takes it along, in whichever conversation it is."""
    first, second = talk(store), store.start("Second")
    store.add(second, [prompt(0, PICTURE), answer(1), prompt(2, PICTURE)], [PICTURE])
    store.delete(first)
    after_delete = kept(store, PICTURE), kept(store, SOUND)
    store.cut(second, 1)
    after_cut = kept(store, PICTURE)
    store.delete(second)

    assert after_delete == (True, False)
    assert after_cut
    assert not kept(store, PICTURE)


def test_a_replaced_prompt_keeps_the_files_it_names_again(store: Conversations) -> None:
    """Without sending its bytes again, an edited prompt has its picture; one it drops is gone."""
    conversation = talk(store)
    store.replace(conversation, 3, [prompt(3, SOUND), answer(4)])
    same = kept(store, SOUND)
    store.replace(conversation, 0, [prompt(0, SOUND), answer(1)], [SOUND])

    assert same
    assert positions(store, conversation) == [0, 1]
    assert (kept(store, PICTURE), kept(store, SOUND)) == (False, True)


def test_a_replacement_that_fails_changes_nothing(store: Conversations) -> None:
    """All of it or nothing: what was to be replaced is still there."""
    conversation = talk(store)
    before = store.turns(conversation)
    with pytest.raises(BadInput):
        store.replace(conversation, 3, [prompt(3), answer(4), answer(4)])

    assert store.turns(conversation) == before
    assert kept(store, SOUND)


def test_a_file_is_not_lost_between_two_conversations(store: Conversations) -> None:
    """One window deletes the last user of a picture while another sends it: it is there."""
    for _ in range(20):
        old, new = store.start("Old"), store.start("New")
        store.add(old, [prompt(0, PICTURE)], [PICTURE])
        ready = threading.Barrier(2)

        def delete(conversation: str = old, ready: threading.Barrier = ready) -> None:
            ready.wait(5)
            store.delete(conversation)

        thread = threading.Thread(target=delete)
        thread.start()
        ready.wait(5)
        store.add(new, [prompt(0, PICTURE)], [PICTURE])
        thread.join()

        assert kept(store, PICTURE)
        store.delete(new)


@contextmanager
def before_this(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database as it was before the chat page had search, pins and deleting."""
    names = list(MIGRATIONS)
    older = {name: MIGRATIONS[name] for name in names[: names.index("2026-11-22 chat page")]}
    with monkeypatch.context() as patched:
        patched.setattr("lib.store.database.MIGRATIONS", older)
        old = Database(database_url)
    yield old
    old.close()


def test_older_conversations_are_found_and_deleted_like_new_ones(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration knows which files they use, and what they say."""
    used, quoted = name_of(PICTURE), name_of(SOUND)
    texts = {"old": ("look at the Sail", [used]), "other": (f'"media":["{quoted}"]', [])}
    with before_this(database_url, monkeypatch) as old, old.write() as connection:
        for media in (PICTURE, SOUND):
            values = {"name": name_of(media), "mime": media.mime, "data": media.data}
            connection.execute(sa.text("INSERT INTO media VALUES (:name, :mime, :data)"), values)
        for name, (text, media) in texts.items():
            body = {"text": text, "thought": "", "media": media, "facts": {}}
            values = {"id": name, "body": to_json(body)}
            connection.execute(
                sa.text("INSERT INTO conversations VALUES (:id, '2026', '2026', 'TITLE')"), values
            )
            connection.execute(
                sa.text("INSERT INTO messages VALUES (:id, 0, 'user', :body)"), values
            )
    new = Database(database_url)
    store = Conversations(new)
    found = [entry.id for entry in store.recent("title sail")]
    with new.read() as connection:
        links = connection.execute(sa.text("SELECT * FROM message_media")).all()
    store.delete("old")
    new.close()

    assert found == ["old"]
    assert [tuple(link) for link in links] == [("old", 0, used)]
