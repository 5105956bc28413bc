"""One database for everything: SQLite by default, Postgres for several machines."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

BUSY_S = 30.0  # how long a writer waits for another process's transaction

# Applied once each, in order, and never edited: a change is a new entry. TEXT, BIGINT, BYTEA and
# DOUBLE PRECISION mean the same to both databases.
MIGRATIONS: dict[str, tuple[str, ...]] = {
    "2026-11-22 calls": (
        """CREATE TABLE calls (
            id TEXT PRIMARY KEY, started TEXT NOT NULL, month TEXT NOT NULL,
            model TEXT NOT NULL, source TEXT NOT NULL, finish TEXT NOT NULL, error TEXT,
            input_tokens BIGINT, output_tokens BIGINT, thinking_tokens BIGINT,
            cached_tokens BIGINT, cost_picousd BIGINT, reserved_picousd BIGINT NOT NULL,
            ttft_ms DOUBLE PRECISION, total_ms DOUBLE PRECISION, version TEXT, tier TEXT)""",
        "CREATE INDEX calls_started ON calls (started)",
        """CREATE TABLE months (
            month TEXT PRIMARY KEY, spent_picousd BIGINT NOT NULL,
            reserved_picousd BIGINT NOT NULL)""",
    ),
    "2026-11-22 conversations": (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY, created TEXT NOT NULL, updated TEXT NOT NULL,
            title TEXT NOT NULL)""",
        """CREATE TABLE messages (
            conversation TEXT NOT NULL, position BIGINT NOT NULL, role TEXT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (conversation, position))""",
        "CREATE TABLE media (sha256 TEXT PRIMARY KEY, mime TEXT NOT NULL, data BYTEA NOT NULL)",
    ),
}


class Database:
    """`url` is an SQLAlchemy URL; a missing SQLite file is created, with its folder."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url) if self.is_sqlite else _postgres(url)
        # SQLite has one writer; its own waiting sleeps and is unfair, this queue is neither.
        self._writers = threading.Lock() if self.is_sqlite else contextlib.nullcontext()
        self._migrate()

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it or nothing."""
        with self._writers, self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Statements that change nothing; each sees the newest state."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def _migrate(self) -> None:
        with self.write() as connection:
            if not self.is_sqlite:  # two machines may start at once
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(20261122)"))
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS migrations (name TEXT)"))
            done = set(connection.scalars(sa.text("SELECT name FROM migrations")))
            for name, statements in MIGRATIONS.items():
                if name in done:
                    continue
                for statement in statements:
                    connection.execute(sa.text(statement))
                insert = sa.text("INSERT INTO migrations (name) VALUES (:name)")
                connection.execute(insert, {"name": name})


def _sqlite(url: str) -> sa.Engine:
    path = url.removeprefix("sqlite:///")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, connect_args={"timeout": BUSY_S, "isolation_level": None}, pool_size=10,
        max_overflow=100,
    )  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote between.
        # Readers take no lock: they must not wait for a writer, nor it for them.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres(url: str) -> sa.Engine:
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return sa.create_engine(url, pool_size=20, max_overflow=40, pool_pre_ping=True)


def to_json(value: Any) -> str:
    """ASCII, because no database stores a half of a surrogate pair, and Postgres no zero byte."""
    return json.dumps(value, separators=(",", ":"))
