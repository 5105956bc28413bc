"""Logins that were ended before their cookie expires: at hand for the gate, shared by machines."""

import logging
import threading
import time
from collections.abc import Callable

from lib.store.log_outs import LogOuts

log = logging.getLogger(__name__)

EVERY_S = 2.0  # a log-out at another machine is known here after so long


class EndedLogins:
    """The ids of ended logins, in memory: the gate asks for every request, on the event loop.

    `log_outs` is where all machines write theirs; without it they end with this process. While the
    database is away the list stays as it is: log-outs here count at once and are written later,
    those of other machines are not heard of. Refusing everybody would be safer by nothing, since
    chats, jobs and calls to models need that database too. `now` is the wall clock in seconds.
    """

    def __init__(
        self, log_outs: LogOuts | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._log_outs, self._now = log_outs, now
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self.look()

    def __contains__(self, login: str) -> bool:
        return login in self._until

    def add(self, login: str, until: float) -> None:
        """End a login at once, and everywhere as soon as the database has it.

        Waits for that database, so not on the event loop.
        """
        self._take({login: until})
        if self._log_outs:
            self._log_outs.add(login, until)

    def look(self) -> None:
        """Learn what was ended by others, or before the start; raises Busy or StorageFailed."""
        if self._log_outs:
            self._take(self._log_outs.all())

    def keep_looking(self, every_s: float = EVERY_S) -> threading.Event:
        """Look again and again, until the event it returns is set."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(every_s):
                try:
                    self.look()
                except Exception as error:  # the database may be back by the next time
                    log.warning("the ended logins are not known: %s", type(error).__name__)

        threading.Thread(target=watch, name="ended logins", daemon=True).start()
        return ended

    def _take(self, more: dict[str, float]) -> None:
        """Add these; what has expired is forgotten, and nothing else: it may be unwritten yet."""
        with self._lock:
            now, known = self._now(), self._until | more
            self._until = {login: until for login, until in known.items() if until > now}
