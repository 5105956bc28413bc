"""What a database or its disk says, in our words: what happened and what to do about it."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lib.core.errors import AppError, Busy, StorageFailed

log = logging.getLogger(__name__)

AGAIN_S = 5.0  # when a caller may well try again: most faults are over by then, or last for hours

_BUSY = Busy(
    "The database is busy with somebody else's work.",
    "Send it again in a moment; if it stays, see who else uses this database.",
    AGAIN_S,
)
_FULL = StorageFailed(
    "The server's disk is full, so nothing can be stored.",
    "Whoever runs this server must free some space; then it goes on without a restart.",
)
_READ_ONLY = StorageFailed(
    "The database can only be read, so nothing can be stored.",
    "Whoever runs this server must let it write in its data folder, or in its Postgres.",
)
_BROKEN_DISK = StorageFailed("The disk failed under the database.")
_NO_FILE = StorageFailed(
    "The database's file cannot be opened.",
    "Whoever runs this server should see that its data folder is there and may be written.",
)
_DAMAGED = StorageFailed(
    "The database's file is damaged.",
    "Whoever runs this server must put back a copy of it and start again.",
)
_GONE = StorageFailed(
    "The database does not answer.",
    "Whoever runs this server should see that its database runs; it connects again by itself.",
    AGAIN_S,
)

# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE: dict[int, AppError] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_IOERR: _BROKEN_DISK,
    sqlite3.SQLITE_CANTOPEN: _NO_FILE,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
# Beginnings of SQLSTATE, the longest first; https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: dict[str, AppError] = {
    "53100": _FULL,
    "53": _BUSY,  # too many connections, out of memory
    "55P03": _BUSY,  # a lock outlasted lock_timeout
    "40": _BUSY,  # deadlock
    "25006": _READ_ONLY,
    "08": _GONE,
    "57P": _GONE,  # shut down, or still starting
    "58": _BROKEN_DISK,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}


@contextlib.contextmanager
def in_our_words() -> Iterator[None]:
    """Raises Busy or StorageFailed for what the storage did; a mistake of ours stays as it is."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
        found, name = _told(error)
        if found is None:
            raise
        log.warning("the database failed: %s", name)  # not its text, which holds the statement
        raise type(found)(str(found), found.hint, found.retry_after_s) from None


def _told(error: Exception) -> tuple[AppError | None, str]:
    """Our error, if it is the storage's fault and not ours, and the fault's name for the log."""
    if isinstance(error, PoolTimeout):
        return _BUSY, "no connection is free"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", -1)  # Python's own complaints have none
        return _SQLITE.get(code & 0xFF), str(getattr(cause, "sqlite_errorname", ""))
    state = getattr(cause, "sqlstate", None)
    if state is None:  # nobody was there to give one
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        refused = type(cause).__name__ == "OperationalError"
        return (_GONE if lost or refused else None), type(cause).__name__
    found = (_POSTGRES[start] for start in _POSTGRES if state.startswith(start))
    return next(found, None), f"SQLSTATE {state}"
