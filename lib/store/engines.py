"""Connections to SQLite and Postgres, set up so that nobody waits for ever."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

CONNECT_S = 10


def sqlite(url: str, busy_s: float) -> sa.Engine:
    """`url` is sqlite:///…; a missing file is created, with its folder. A writer waits `busy_s` for
    another process's transaction."""
    path = url.removeprefix("sqlite:///")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, connect_args={"timeout": busy_s, "isolation_level": None}, pool_size=10,
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


def postgres(url: str, busy_s: float) -> sa.Engine:
    """`url` is postgresql://…. A lock is waited for `busy_s`; a host that vanished without a word
    is given up in the same time."""
    address = sa.make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
    given, wait_ms = address.query.get("options", ""), round(busy_s * 1000)
    return sa.create_engine(
        address, pool_size=20, max_overflow=40, pool_pre_ping=True,
        connect_args={
            "options": f"{given} -c lock_timeout={wait_ms}",
            "connect_timeout": CONNECT_S,
            "tcp_user_timeout": wait_ms,
            "keepalives_idle": CONNECT_S,
        },
    )  # fmt: skip
