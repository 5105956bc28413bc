"""One database for everything: SQLite by default, Postgres for several machines."""

import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from lib.core.errors import AppError, Busy
from lib.store import engines
from lib.store.late import Key, Late, Value
from lib.store.migrations import MIGRATIONS
from lib.store.storage_errors import AGAIN_S, in_our_words

Result = TypeVar("Result")

BUSY_S = 30.0  # how long a writer waits for others, in this process and again in other ones

_IN_TURN = sa.text("SELECT pg_advisory_xact_lock(20261123)")


@dataclass(slots=True)
class _Turn:
    """One caller's part of a shared transaction."""

    work: Callable[[sa.Connection], Any]
    done: bool = False
    result: Any = None
    error: BaseException | None = None


class Database:
    """`url` is an SQLAlchemy URL; a missing SQLite file is created, with its folder.

    Who reads or writes gets Busy when others keep the database for longer than `busy_s`, and
    StorageFailed when it, or its disk, is out of order. Only opening raises the driver's own error.
    """

    def __init__(self, url: str, busy_s: float = BUSY_S) -> None:
        self.is_sqlite = url.startswith("sqlite")
        open_engine = engines.sqlite if self.is_sqlite else engines.postgres
        self.engine, self._busy_s = open_engine(url, busy_s), busy_s
        # SQLite has one writer; its own waiting sleeps and is unfair, this queue is neither.
        self._writers = threading.Lock()
        self._turns: deque[_Turn] = deque()
        self._sharing = threading.Lock()
        self._lates: list[Late[Any, Any]] = []
        self._migrate()

    def share(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run `work(connection)` in a transaction together with whoever else is waiting for one.

        Many threads that write a little each pay for one commit, not for one each. `work` must
        raise an AppError before it has changed anything, or not at all; it may be run twice.
        """
        turn = _Turn(work)
        self._turns.append(turn)
        with self._sharing:
            if not turn.done:
                self._run_all([self._turns.popleft() for _ in range(len(self._turns))])
        if turn.error:
            raise turn.error
        return turn.result  # type: ignore[no-any-return]

    def _run_all(self, turns: list[_Turn]) -> None:
        try:
            self._run_together(turns)
        except AppError as error:  # the storage's fault, and so everybody's
            for turn in turns:
                turn.error = error
        except Exception as error:
            if len(turns) > 1:  # nothing was committed; whose fault it is shows one by one
                for turn in turns:
                    self._run_all([turn])
                return
            turns[0].error = error
        for turn in turns:
            turn.done = True

    def _run_together(self, turns: list[_Turn]) -> None:
        with self.write() as connection:
            if not self.is_sqlite:  # machines in turn: their shared rows would deadlock
                connection.execute(_IN_TURN)
            for turn in turns:
                _take(turn, connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it or nothing."""
        with self._writer(), in_our_words(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _writer(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        if not self._writers.acquire(timeout=self._busy_s):
            raise Busy("Too many are waiting to write.", retry_after_s=AGAIN_S)
        try:
            yield
        finally:
            self._writers.release()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Statements that change nothing; each sees the newest state."""
        with in_our_words(), self._reader() as connection:
            yield connection

    def _reader(self) -> sa.Connection:
        return self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def late(
        self, write: Callable[[Key, Value], object], in_turn: bool = False
    ) -> Late[Key, Value]:
        """For what must not be lost when the storage fails; `close` tries for the last time."""
        self._lates.append(Late(write, in_turn))
        return self._lates[-1]

    def close(self) -> None:
        for late in self._lates:
            late.close()
        self.engine.dispose()

    def _migrate(self) -> None:
        with self.engine.begin() as connection:
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


def _take(turn: _Turn, connection: sa.Connection) -> None:
    turn.error = None
    try:
        turn.result = turn.work(connection)
    except AppError as error:  # a refusal is an answer
        turn.error = error


def to_json(value: Any) -> str:
    """ASCII, because no database stores a half of a surrogate pair, and Postgres no zero byte."""
    return json.dumps(value, separators=(",", ":"))
