"""Databases, each on SQLite and on a real Postgres; an app in front of fakes, its chats; a site."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media, Request
from lib.store.conversations import Turn
from lib.store.database import Database
from lib.store.row_files import Table, open_table
from lib.work.app import App
from lib.work.chats import Chats
from lib.work.generation import Generation
from lib.work.models import Choice
from tests.fakes import FakeServer
from tests.postgres import postgres_url  # noqa: F401  (a fixture)
from tests.unit.builders import GEMINI, running
from tests.unit.picture_site import Site, serving


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/playground.db"
    import psycopg

    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{secrets.token_hex(6)}"
    # A schema of its own is as empty as a database of its own, and made a hundred times faster.
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}?options=-csearch_path%3D{name}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def app(fake: FakeServer, tmp_path: Path) -> Iterator[App]:
    with running(fake, tmp_path) as app:
        yield app


@pytest.fixture
def chats(app: App) -> Iterator[Chats]:
    with closing(Chats(app)) as chats:
        yield chats


class Talk:
    """A conversation; `say` waits for its answer unless told otherwise."""

    def __init__(self, app: App, chats: Chats) -> None:
        self._app, self._chats = app, chats
        self.id: str | None = None

    def say(
        self, text: str, *media: Media, model: str = GEMINI, wait: bool = True, **options: Any
    ) -> None:
        self.ask(text, *media, models=(model,), wait=wait, **options)

    def ask(
        self, text: str, *media: Media, models: Sequence[str], wait: bool = True, **options: Any
    ) -> None:
        """The same prompt to several models."""
        request = Request("", (), **options) if options else None
        self.id = self._chats.say(self.id, self.choices(*models), text, media, request)
        if wait:
            self.wait()

    def choices(self, *models: str) -> list[Choice]:
        return [self._app.models.find(model) for model in models]

    def wait(self) -> None:
        """Until all answers have ended."""
        for generation in self.live.values():
            generation.join(timeout_s=10)

    @property
    def live(self) -> dict[int, Generation]:
        return self._chats.live(self.id or "")

    @property
    def turns(self) -> list[Turn]:
        return self._app.conversations.turns(self.id or "")

    @property
    def answer(self) -> Turn:
        return self.turns[-1]


@pytest.fixture
def talk(app: App, chats: Chats) -> Talk:
    return Talk(app, chats)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as server:
        yield server


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Table]:
    """`opened(data, sheet)` is the table in an upload; its name says nothing of what it is."""

    def opened(data: bytes, sheet: str | None = None) -> Table:
        path = tmp_path / "upload.csv"
        path.write_bytes(data)
        return open_table(path, sheet)

    return opened
