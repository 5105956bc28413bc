"""What can go wrong around the product: databases held, cut off or full, processes killed."""

import contextlib
import secrets
import socket
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from lib.store.database import Database
from tests.api.conftest import Api, api_with, settings_for
from tests.fakes import FakeServer
from tests.jobs.conftest import launch, slow_fake  # noqa: F401  (fixtures)
from tests.postgres import postgres_url  # noqa: F401  (a fixture)
from tests.unit.conftest import database, database_url  # noqa: F401  (fixtures)

BUSY_S = 0.4  # what the tests wait for a database that somebody else keeps


@contextlib.contextmanager
def kept(url: str) -> Iterator[None]:
    """Somebody else's transaction that keeps every writer of this database out."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE months, calls, conversations IN EXCLUSIVE MODE")
        yield
        other.rollback()


class Wire:
    """A TCP line to Postgres that can be cut and mended; `url` leads over it."""

    def __init__(self, url: str) -> None:
        parts = psycopg.conninfo.conninfo_to_dict(url)
        self._target = (str(parts["host"]), int(str(parts["port"])))
        self._pairs: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self.mend()
        assert self._listening is not None
        self._port = self._listening.getsockname()[1]
        self.url = url.replace(f":{self._target[1]}", f":{self._port}", 1)

    def cut(self) -> None:
        """Break every connection, in the middle of whatever it does, and refuse new ones."""
        listening, self._listening = self._listening, None
        pairs, self._pairs = self._pairs, []
        for one in [*([listening] if listening else []), *pairs]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def mend(self) -> None:
        port = getattr(self, "_port", 0)
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._pairs += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(a, b), daemon=True).start()


def _pump(a: socket.socket, b: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := a.recv(65536):
            b.sendall(data)
    for one in (a, b):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(postgres_url: str) -> Iterator[Wire]:  # noqa: F811 (the fixture)
    """A Postgres database of its own at the end of a line that can be cut."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    wire = Wire(f"{postgres_url.rpartition('/')[0]}/{name}")
    yield wire
    wire.cut()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app whose writers wait `BUSY_S` for a database that somebody else keeps."""
    monkeypatch.setattr("lib.work.app.Database", partial(Database, busy_s=BUSY_S))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/playground.db"


@pytest.fixture
def api(fake: FakeServer, tmp_path: Path, sqlite_url: str, impatient: None) -> Iterator[Api]:
    """The API of an impatient app on `sqlite_url`."""
    with api_with(settings_for(fake, tmp_path / "data", database_url=sqlite_url)) as client:
        yield client
