"""One database, two makers: migrations run once, writes are whole, nobody waits for a reader."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from lib.core.errors import OverBudget
from lib.store.database import MIGRATIONS, Database

ROOT = Path(__file__).parents[2]
MONTH = sa.text("INSERT INTO months VALUES (:month, 1, 0)")
OPEN = "import sys; from lib.store.database import Database; Database(sys.argv[1]).close()"


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.text("SELECT name FROM migrations")))


def months(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(sa.text("SELECT month FROM months")))


def test_a_new_database_is_made(database: Database):
    """Opening makes the folder, the file and every table."""
    tables = set(sa.inspect(database.engine).get_table_names())

    assert names(database) == list(MIGRATIONS)
    assert {"calls", "months", "conversations", "messages", "media"} <= tables


def test_sqlite_keeps_a_write_ahead_log(tmp_path: Path):
    """SQLite runs in WAL mode, so that readers and the writer do not block each other."""
    database = Database(f"sqlite:///{tmp_path}/new/folder/x.db")
    with database.read() as connection:
        mode = connection.scalar(sa.text("PRAGMA journal_mode"))
    database.close()

    assert mode == "wal"


def test_opening_again_changes_nothing(database_url: str):
    """A second start finds its data and runs no migration again."""
    first = Database(database_url)
    with first.write() as connection:
        connection.execute(MONTH, {"month": "2026-11"})
    first.close()
    second = Database(database_url)
    found, applied = months(second), names(second)
    second.close()

    assert found == {"2026-11"}
    assert applied == list(MIGRATIONS)


def test_several_processes_may_open_it_first(database_url: str):
    """Processes that start at once on an empty database migrate it once and none fails."""
    command = [sys.executable, "-c", OPEN, database_url]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    codes = [process.wait(60) for process in started]
    database = Database(database_url)
    applied = names(database)
    database.close()

    assert codes == [0, 0, 0]
    assert applied == list(MIGRATIONS)


def test_an_old_database_gets_what_is_new(database_url: str, monkeypatch: pytest.MonkeyPatch):
    """A database made before the last migrations is brought up to date and keeps its data."""
    first = next(iter(MIGRATIONS))
    with monkeypatch.context() as before:
        before.setattr("lib.store.database.MIGRATIONS", {first: MIGRATIONS[first]})
        old = Database(database_url)
    with old.write() as connection:
        connection.execute(MONTH, {"month": "2026-10"})
    old.close()
    new = Database(database_url)
    tables, kept, applied = sa.inspect(new.engine).get_table_names(), months(new), names(new)
    new.close()

    assert {"conversations", "messages", "media", "jobs", "results"} <= set(tables)
    assert kept == {"2026-10"}
    assert applied == list(MIGRATIONS)


def test_a_write_that_fails_leaves_nothing(database: Database):
    """A transaction is all or nothing, whoever raises."""

    def half_way() -> None:
        with database.write() as connection:
            connection.execute(MONTH, {"month": "2026-11"})
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()

    assert months(database) == set()


def test_a_reader_does_not_wait_for_a_writer(database: Database):
    """While somebody writes, everybody else reads the last state at once."""
    read: list[set[str]] = []
    reader = threading.Thread(target=lambda: read.append(months(database)))
    with database.write() as connection:
        connection.execute(MONTH, {"month": "2026-11"})
        reader.start()
        reader.join(3)
        seen = list(read)
    reader.join()

    assert seen == [set()]
    assert months(database) == {"2026-11"}


def test_shared_writes_of_many_threads_all_count(database: Database):
    """Threads that write at once share transactions; nobody's part is lost."""
    with database.write() as connection:
        connection.execute(MONTH, {"month": "2026-11"})
    add = sa.text("UPDATE months SET spent_picousd = spent_picousd + 1")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: database.share(lambda c: c.execute(add)), range(400)))
    with database.read() as connection:
        spent = connection.scalar(sa.text("SELECT spent_picousd FROM months"))

    assert spent == 1 + 400


def test_one_refusal_does_not_harm_those_who_share(database: Database):
    """Whoever is refused, or fails, does so alone: the others' writes are there."""

    def write(month: int) -> None:
        def work(connection: sa.Connection) -> None:
            if month == 7:
                raise OverBudget("no")
            connection.execute(MONTH, {"month": f"m{month}"})
            if month == 9:
                connection.execute(sa.text("SELECT nonsense"))

        database.share(work)

    with ThreadPoolExecutor(16) as pool:
        ended = [pool.submit(write, month) for month in range(40)]
    failed = {i: type(one.exception()) for i, one in enumerate(ended) if one.exception()}

    assert failed[7] is OverBudget
    assert issubclass(failed[9], SQLAlchemyError)
    assert len(failed) == 2
    assert months(database) == {f"m{i}" for i in range(40) if i not in (7, 9)}
