"""A circuit breaker: calls keep away from a host that failed, until one finds it back."""

import threading
from collections.abc import Callable

FIRST_REST_S, LONGEST_REST_S = 5.0, 60.0


class Breaker:
    """One host's; closed while it answers. A failure opens it for 5 s, the next ones for twice as
    long each, up to 60 s; after that a single call tries the host while the others keep away.

    `now` gives seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._rest_s = 0.0  # 0: closed
        self._failed_at = self._rests_until = float("-inf")
        self._on_trial = False

    @property
    def admits(self) -> bool:
        """Whether the next call may go to the host."""
        with self._lock:
            return not self._rest_s or (self._now() >= self._rests_until and not self._on_trial)

    def begin(self) -> float:
        """A call goes to the host; what is returned belongs into `answered`."""
        with self._lock:
            self._on_trial = bool(self._rest_s)
            return self._now()

    def answered(self, began: float) -> None:
        """A call was answered. One that began before the host failed does not say it is back."""
        with self._lock:
            if began >= self._failed_at:
                self._rest_s = 0.0
                self._rests_until = float("-inf")
                self._on_trial = False

    def failed(self) -> None:
        """A call found the host dead; a dead host breaks many calls, and rests once for them."""
        with self._lock:
            self._on_trial = False
            if self._now() >= self._rests_until:
                self._failed_at = self._now()
                self._rest_s = min(self._rest_s * 2 or FIRST_REST_S, LONGEST_REST_S)
                self._rests_until = self._failed_at + self._rest_s

    def undecided(self) -> None:
        """A call ended before the host said anything: the next one may try."""
        with self._lock:
            self._on_trial = False
