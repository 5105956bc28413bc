"""How fast a job may ask: as fast as its concurrency allows, until the provider says otherwise.

A limit of so many requests a minute cannot be held by bounding calls in flight alone, so after a
refusal the calls are also spaced out: the rate falls to what really went through (multiplicative
decrease) and climbs again, slowly at first and then faster (additive increase).
"""

import random
import threading
import time
from collections.abc import Callable

KEEP = 0.92  # of the rate that went through, after a refusal
CLIMB_PER_S = 0.004  # of the rate after the cut, at first …
STEEPER = 12.0  # … and a good deal faster when nothing was refused for so many seconds
FIRST_WAIT_S = 0.5  # when a refusal does not say how long to wait
LONGEST_WAIT_S = 60.0  # the same, after many in a row
SHORTEST_CYCLE_S = 0.5  # a rate measured over less means nothing


class Pace:
    """Shared by the threads of one job; times in seconds of `now`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # one waits for the next moment, the others for their turn
        self._rate: float | None = None  # calls a second just after the last cut; None: unbounded
        self._cut_at = self._cycle_from = now()
        self._next_at = float("-inf")
        self._through = 0  # calls that went through since the last cut
        self._refused_in_a_row = 0
        self.waits_until = float("-inf")

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

    def _left_s(self) -> float:
        with self._lock:
            return max(self._next_at, self.waits_until) - self._now()

    def went_through(self) -> None:
        with self._lock:
            self._through += 1
            self._refused_in_a_row = 0

    def refused(self, sent_at: float, retry_after_s: float | None) -> None:
        """The provider asked for fewer calls; `sent_at` is when the refused one was sent."""
        with self._lock:
            if sent_at < self._cut_at:  # sent before the last cut: that has answered it already
                self.waits_until = max(self.waits_until, self._now() + (retry_after_s or 0))
                return
            self._refused_in_a_row += 1
            wait_s = retry_after_s
            if wait_s is None:
                wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self._refused_in_a_row - 1))
            self._cut(self._now() + wait_s)

    def _cut(self, resumes_at: float) -> None:
        cycle_s = max(SHORTEST_CYCLE_S, resumes_at - self._cycle_from)
        measured = max(1, self._through) / cycle_s
        now_rate = self._rate_at(self._now())
        self._rate = KEEP * (measured if now_rate is None else min(measured, now_rate))
        if now_rate is not None and self._refused_in_a_row == 1:
            # One refusal after a good while tells the limit better than the pause in the average.
            self._rate = max(self._rate, KEEP * now_rate * 0.95)
        self._cut_at, self._cycle_from, self._through = self._now(), resumes_at, 0
        self._next_at = self.waits_until = resumes_at

    def _rate_at(self, moment: float) -> float | None:
        if self._rate is None:
            return None
        since_s = max(0.0, moment - self._cycle_from)
        climb = CLIMB_PER_S * since_s * (1.0 + (since_s / STEEPER) ** 2)
        return float(self._rate * (1.0 + climb))


def backoff_s(
    repeats: int, retry_after_s: float | None, jitter: Callable[[], float] = random.random
) -> float:
    """Seconds before repeat number `repeats` (1, 2, …): 0.25, 0.5, 1 … 20, half of it random."""
    if retry_after_s is not None:
        return retry_after_s
    longest = min(20.0, 0.25 * 2 ** (repeats - 1))
    return longest * (0.5 + jitter() / 2)
