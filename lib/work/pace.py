"""How fast a job may ask: as fast as its concurrency allows, until the provider says otherwise.

A limit of so many requests a minute cannot be held by bounding calls in flight alone, so after a
refusal the calls are spaced out as well. The rate begins at what really went through and doubles
until it is refused again; from then on it falls by a little at every refusal and climbs back to
where it was refused, slowest just there, as TCP's CUBIC does.
"""

import random
import threading
import time
from collections.abc import Callable

KEEP = 0.88  # of the rate that was refused
RETURN_S = 15.0  # until it is reached again
DOUBLING_S = 4.0  # while the limit is still looked for
FIRST_WAIT_S = 0.5  # when a refusal does not say how long to wait
LONGEST_WAIT_S = 60.0  # the same, after many in a row
SHORTEST_CYCLE_S = 0.5  # a rate measured over less means nothing


class Pace:
    """Shared by the threads of one job; times in seconds of `now`, rates in calls a second."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # one waits for the next moment, the others for their turn
        self._begun = self._cut_at = self._next_at = now()
        self._resumes_at = float("-inf")
        self._rate: float | None = None  # just after the last refusal; None: unbounded
        self._refused_at_rate: float | None = None  # None: the limit was not met yet
        self._through = 0  # calls that went through since the beginning
        self._refused_in_a_row = 0

    def turn(self, wait: Callable[[float], object]) -> float:
        """Wait for the next turn to ask, by `wait(seconds)`; returns the moment it came."""
        with self._turn:
            while (left_s := self._left_s()) > 0:
                wait(left_s)
            with self._lock:
                moment = self._now()
                if (rate := self._rate_at(moment)) is not None:
                    self._next_at = moment + 1 / rate
                return moment

    def went_through(self) -> None:
        with self._lock:
            self._through += 1
            self._refused_in_a_row = 0

    def refused(self, sent_at: float, retry_after_s: float | None) -> None:
        """The provider asked for fewer calls; `sent_at` is when the refused one was sent."""
        with self._lock:
            now = self._now()
            if sent_at < self._cut_at:  # the last cut has answered this one already
                self._pause(now + (retry_after_s or 0))
                return
            self._refused_in_a_row += 1
            longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (self._refused_in_a_row - 1))
            self._refused_at_rate = self._rate_at(now)
            self._cut_at = now
            self._pause(now + (longest if retry_after_s is None else retry_after_s))

    def _pause(self, until: float) -> None:
        self._resumes_at = max(self._resumes_at, until)
        self._next_at = max(self._next_at, self._resumes_at)

    def _left_s(self) -> float:
        with self._lock:
            return self._next_at - self._now()

    def _rate_at(self, moment: float) -> float | None:
        if self._resumes_at == float("-inf"):
            return None
        since_s = max(0.0, moment - self._resumes_at)
        if self._refused_at_rate is not None:
            bend = ((since_s - RETURN_S) / RETURN_S) ** 3
            return float(self._refused_at_rate * (1 + (1 - KEEP) * bend))
        if self._rate is None:  # the first turn after the first refusal: all answers are in
            cycle_s = max(SHORTEST_CYCLE_S, self._resumes_at - self._begun)
            self._rate = max(1, self._through) / cycle_s
        return float(self._rate * 2.0 ** min(60.0, since_s / DOUBLING_S))


def backoff_s(
    repeats: int, retry_after_s: float | None, jitter: Callable[[], float] = random.random
) -> float:
    """Seconds before repeat number `repeats` (1, 2, …): 0.25, 0.5, 1 … 20, half of it random."""
    if retry_after_s is not None:
        return retry_after_s
    longest = min(20.0, 0.25 * 2.0 ** (repeats - 1))
    return longest * (0.5 + jitter() / 2)
