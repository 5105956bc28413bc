"""What the storage does wrong reaches people as one of our errors, without SQL, path or address."""

import sqlite3

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from lib.core.errors import AppError, Busy, StorageFailed
from lib.store.database import Database
from lib.store.storage_errors import in_our_words
from tests.faults.conftest import Wire

SECRET = "SELECT secret FROM /data/playground.db at 10.0.0.7"


def sqlite(code: int) -> Exception:
    cause = sqlite3.OperationalError(SECRET)
    cause.sqlite_errorcode = code
    return OperationalError(SECRET, {}, cause)


def postgres(state: str) -> Exception:
    cause = psycopg.errors.lookup(state)(SECRET)
    return OperationalError(SECRET, {}, cause)


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (sqlite(sqlite3.SQLITE_BUSY), Busy, "busy"),
        (sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), Busy, "busy"),
        (sqlite(sqlite3.SQLITE_FULL), StorageFailed, "full"),
        (sqlite(sqlite3.SQLITE_READONLY), StorageFailed, "only be read"),
        (sqlite(sqlite3.SQLITE_IOERR_WRITE), StorageFailed, "disk failed"),
        (sqlite(sqlite3.SQLITE_CANTOPEN), StorageFailed, "cannot be opened"),
        (sqlite(sqlite3.SQLITE_CORRUPT), StorageFailed, "damaged"),
        (postgres("53100"), StorageFailed, "full"),
        (postgres("53300"), Busy, "busy"),
        (postgres("55P03"), Busy, "busy"),
        (postgres("40P01"), Busy, "busy"),
        (postgres("25006"), StorageFailed, "only be read"),
        (postgres("57P01"), StorageFailed, "does not answer"),
        (postgres("08006"), StorageFailed, "does not answer"),
        (OperationalError(SECRET, {}, psycopg.OperationalError(SECRET)), StorageFailed, "answer"),
        (sa.exc.TimeoutError(SECRET), Busy, "busy"),
    ],
)
def test_a_fault_of_the_storage_has_our_words(
    error: Exception, kind: type[AppError], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What happened, what to do, and nothing of what the driver said, in the log neither."""
    with pytest.raises(kind) as caught, in_our_words():
        raise error
    fields = caught.value.fields()

    assert word in str(fields["message"])
    assert (fields["code"], caught.value.status) == (kind.code, 503)
    assert fields["hint"]
    assert caught.value.__cause__ is None
    assert not any(part in f"{fields}{caplog.text}" for part in ("secret", "10.0.0.7", "/data"))
    assert caplog.text


@pytest.mark.parametrize(
    "error",
    [
        sqlite(sqlite3.SQLITE_ERROR),
        ProgrammingError(SECRET, {}, psycopg.errors.UndefinedColumn(SECRET)),
        sqlite3.ProgrammingError(SECRET),
    ],
)
def test_a_mistake_of_ours_stays_one(error: Exception) -> None:
    """A wrong statement is no fault of the disk, and must not be shown as one."""
    with pytest.raises(type(error)), in_our_words():
        raise error


def test_a_file_that_only_can_be_read(sqlite_url: str) -> None:
    """Reading goes on, writing says why it cannot."""
    database = Database(sqlite_url)

    @sa.event.listens_for(database.engine, "checkout")
    def _(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM calls")) == 0
    with pytest.raises(StorageFailed, match="only be read"), database.write() as connection:
        connection.execute(sa.text("INSERT INTO months VALUES ('m', 0, 0)"))
    database.close()


def test_a_file_that_is_no_database(sqlite_url: str) -> None:
    """Damage says so, instead of «something went wrong»."""
    database = Database(sqlite_url)
    database.engine.dispose()
    for file in (path := sqlite_url.removeprefix("sqlite:///"), f"{path}-wal"):
        with open(file, "wb") as out:
            out.write(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StorageFailed, match="damaged"), database.read() as connection:
        connection.execute(sa.text("SELECT count(*) FROM calls"))
    database.engine.dispose()


def test_only_the_start_shows_the_drivers_error(wire: Wire) -> None:
    """Whoever starts the server must see that DATABASE_URL is wrong."""
    wire.cut()
    with pytest.raises(DBAPIError):
        Database(wire.url)
