"""Logins that were ended before their cookie expires, for every machine on this database."""

import time
from collections.abc import Callable

import sqlalchemy as sa

from lib.store.database import Database


class LogOuts:
    """Ids of ended logins, each kept until its cookie would have expired anyway.

    Times are seconds since 1970 by this machine's wall clock, `now`.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database, self._now = database, now
        self._late = database.late(self._write)

    def add(self, login: str, until: float) -> None:
        """Write it; what the storage does not take now, it takes later. Raises neither Busy nor
        StorageFailed."""
        self._late.save(login, until)

    def all(self) -> dict[str, float]:
        """Until when each of them counts.

        All of them, however many: one that is left out would open its cookie again.
        """
        with self._database.read() as connection:
            return {login: until for login, until in connection.execute(_ALL, {"now": self._now()})}

    def _write(self, login: str, until: float) -> None:
        with self._database.write() as connection:
            connection.execute(_SWEEP, {"now": self._now()})
            connection.execute(_ADD, {"login": login, "until": until})


_ALL = sa.text("SELECT login, until FROM ended_logins WHERE until > :now")
_SWEEP = sa.text("DELETE FROM ended_logins WHERE until <= :now")
_ADD = sa.text(
    "INSERT INTO ended_logins (login, until) VALUES (:login, :until) ON CONFLICT DO NOTHING"
)
