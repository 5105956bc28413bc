"""Logins that were ended before their cookie expires: a list on the disk, short and rarely read."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class EndedLogins:
    """The ids of ended logins, each kept until its cookie would have expired anyway.

    A line of `file` (None: nothing is kept over a restart) is an id and the second since 1970 until
    which it counts. `now` is the wall clock in seconds. One process per file: it is read once, so a
    second machine, which has a file of its own, does not learn of a logout even when both share a
    database; there the cookie is good until it expires.
    """

    def __init__(self, file: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._file, self._now = file, now
        self._lock = threading.Lock()
        self._until = {login: until for login, until in self._stored() if until > now()}

    def __contains__(self, login: str) -> bool:
        return login in self._until

    def add(self, login: str, until: float) -> None:
        """End a login at once; a disk that takes no line ends it until the next restart only.

        Waits for that disk, so not on the event loop.
        """
        with self._lock:
            now = self._now()
            self._until = {one: end for one, end in self._until.items() if end > now}
            self._until[login] = until
            try:
                self._store()
            except OSError as error:
                log.error("an ended login could not be stored: %s", type(error).__name__)

    def _stored(self) -> list[tuple[str, float]]:
        try:
            lines = self._file.read_text("ascii", "replace").splitlines() if self._file else []
        except OSError:
            return []
        pairs = (line.split() for line in lines)
        return [(pair[0], int(pair[1])) for pair in pairs if len(pair) == 2 and pair[1].isdigit()]

    def _store(self) -> None:
        if self._file is None:
            return
        fresh = self._file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{login} {int(until)}\n" for login, until in self._until.items()))
        os.replace(fresh, self._file)  # never half a list
