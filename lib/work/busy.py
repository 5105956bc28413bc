"""The seconds a machine is busy, shared by the calls it serves at the same time."""

import threading
from collections.abc import Callable


class Busy:
    """Four calls that run side by side for a second cost a quarter of a second each: the machine
    is rented once, and all its calls together cost what it does. Moments are in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._at = 0.0
        self._share_s = 0.0  # what one call has had that has been there from the beginning

    def begin(self, at: float) -> Callable[[float], float]:
        """A call begins; calling what is returned, at its end, gives its share in seconds."""
        with self._lock:
            self._move_on(at)
            self._calls += 1
            begun_s = self._share_s
        return lambda ended: self._end(begun_s, ended)

    def _end(self, begun_s: float, at: float) -> float:
        with self._lock:
            self._move_on(at)
            self._calls -= 1
            return self._share_s - begun_s

    def _move_on(self, at: float) -> None:
        if self._calls:  # threads may come a little out of order
            self._share_s += max(0.0, at - self._at) / self._calls
        self._at = max(self._at, at) if self._calls else at
