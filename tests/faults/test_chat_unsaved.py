"""A conversation that cannot be stored stays readable, says so, and is stored when it can be."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.errors import Busy
from lib.store.conversations import Turn
from lib.work import answer
from lib.work.app import App
from lib.work.chats import Chats
from tests.fakes import FakeServer
from tests.faults.conftest import kept
from tests.unit.builders import running, wait_until
from tests.unit.conftest import Talk


@pytest.fixture
def app(
    fake: FakeServer, tmp_path: Path, sqlite_url: str, impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[App]:  # fmt: skip
    monkeypatch.setattr(answer, "SAVE_EVERY_S", 0.1)
    with running(fake, tmp_path, database_url=sqlite_url) as app:
        yield app


@pytest.fixture
def talk(app: App) -> Iterator[Talk]:
    with closing(Chats(app)) as chats:
        yield Talk(app, chats)


def stored(url: str) -> dict[str, Any]:
    """The last message as the database has it."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        ((body,),) = connection.execute("SELECT body FROM messages ORDER BY position DESC LIMIT 1")
    return dict(json.loads(body))


def begin(talk: Talk, fake: FakeServer, text: str) -> None:
    """Send a prompt; its call is under way when this returns."""
    talk.say(text, wait=False)
    assert wait_until(lambda: fake.in_flight)


def test_an_answer_that_cannot_be_stored_is_not_lost(
    talk: Talk, fake: FakeServer, sqlite_url: str
) -> None:
    """Its words stay on the page with the reason; later they are in the database too."""
    begin(talk, fake, "#tokens=12 #pace=0.1 #slow=0.3")
    generation = talk.live[1]
    with kept(sqlite_url):
        talk.wait()
        shown = talk.answer
        before = stored(sqlite_url)

        assert generation.error is None
        assert shown.text.split() == [f"w{n}" for n in range(1, 13)]
        assert shown.facts["finish"] == "stop"
        assert shown.facts["unsaved"]["code"] == "busy"
        assert shown.facts["unsaved"]["hint"]
        assert len(before["text"]) < len(shown.text)
    assert wait_until(lambda: "unsaved" not in talk.answer.facts, timeout_s=10)
    after = stored(sqlite_url)

    assert (after["text"], after["facts"]["finish"]) == (shown.text, "stop")
    assert "unsaved" not in after["facts"]


def test_the_next_prompt_knows_what_is_not_stored(
    talk: Talk, sqlite_url: str, fake: FakeServer
) -> None:
    """What the reader saw is what the model is told that it said."""
    begin(talk, fake, "one two three #slow=0.3")
    with kept(sqlite_url):
        talk.wait()
    talk.say("and four")

    assert [turn.text for turn in talk.turns][1] == "one two three"
    assert "one two three" in str(fake.asked[-1].body["contents"][1])


def test_a_prompt_that_cannot_be_stored_is_refused(talk: Talk, sqlite_url: str) -> None:
    """It is not sent to anybody, so whoever wrote it still has it and can send it again."""
    talk.say("hello")
    with kept(sqlite_url), pytest.raises(Busy):
        talk.say("and again", wait=False)

    assert len(talk.turns) == 2
    talk.say("and again")
    assert len(talk.turns) == 4


def test_what_was_removed_does_not_come_back(
    talk: Talk, app: App, fake: FakeServer, sqlite_url: str
) -> None:
    """Words that waited for the storage are not written over what took their place."""
    begin(talk, fake, "one two three #slow=0.3")
    with kept(sqlite_url):
        talk.wait()
        assert "unsaved" in talk.answer.facts
    conversation = talk.id or ""
    app.conversations.cut(conversation, 1)
    app.conversations.add(conversation, [Turn(1, "assistant", "something else")])
    assert not wait_until(lambda: talk.answer.text != "something else", timeout_s=1.5)

    assert stored(sqlite_url)["text"] == "something else"


def test_an_answer_is_stored_when_the_server_ends(
    fake: FakeServer, tmp_path: Path, sqlite_url: str, impatient: None
) -> None:
    """Stopped right after the trouble, it still writes the last words."""
    with running(fake, tmp_path, database_url=sqlite_url) as app, closing(Chats(app)) as chats:
        talk = Talk(app, chats)
        begin(talk, fake, "one two three #slow=0.3")
        with kept(sqlite_url):
            talk.wait()

    assert stored(sqlite_url)["text"] == "one two three"
