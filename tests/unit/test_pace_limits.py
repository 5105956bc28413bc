"""Simulated providers with a limit: most of it is used, and little of what is asked is refused."""

import heapq
import random
from dataclasses import dataclass, field

import pytest

from lib.work.pace import Pace
from tests.unit.builders import Clock

WORKERS = 50
SETTLED_S = 10.0  # the limit is surely found by then
FAST, STEADY, SLOW = (
    {"limit": 100.0, "burst": 100},
    {"limit": 20.0, "burst": 20},
    {"limit": 5.0, "burst": 5},
)


@dataclass
class Limited:
    """A provider that lets in `limit` calls a second, in bursts, and answers after a while.

    With `window_s` it counts calls per window instead, as Gemini's minutes do. Time is only the
    clock's: a wait brings in whatever is answered meanwhile.
    """

    limit: float
    burst: int
    latency_s: float = 0.05
    window_s: float | None = None
    retry_after_s: float | None = 1.0
    clock: Clock = field(default_factory=Clock)
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = self._filled = self.clock.time
        self.pace = Pace(self.clock)
        self._tokens, self._window, self._used = float(self.burst), -1, 0
        self._under_way: list[tuple[float, bool, float]] = []
        self._random = random.Random(1)

    def run(self, seconds: float) -> None:
        while self.clock.time < self.began + seconds:
            if len(self._under_way) == WORKERS:
                self.pass_time(self._under_way[0][0] - self.clock.time)
            sent_at = self.pace.turn(self.pass_time)
            lets_in = self._lets_in(sent_at)
            took_s = self.latency_s * self._random.lognormvariate(0, 0.3) if lets_in else 0.003
            heapq.heappush(self._under_way, (sent_at + took_s, lets_in, sent_at))

    def pass_time(self, seconds: float) -> None:
        until = self.clock.time + seconds
        while self._under_way and self._under_way[0][0] <= until:
            self.clock.time, lets_in, sent_at = heapq.heappop(self._under_way)
            if lets_in:
                self.answered.append(self.clock.time)
                self.pace.went_through()
            else:
                self.refused.append(self.clock.time)
                self.pace.refused(sent_at, self.retry_after_s)
        self.clock.time = until

    def _lets_in(self, now: float) -> bool:
        if self.window_s:
            if int(now / self.window_s) != self._window:
                self._window, self._used = int(now / self.window_s), 0
            self._used += 1
            return self._used <= self.limit * self.window_s
        grown = (now - self._filled) * self.limit
        self._tokens, self._filled = min(float(self.burst), self._tokens + grown), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def after(self, moments: list[float], seconds: float) -> int:
        return sum(moment > self.began + seconds for moment in moments)


@pytest.mark.parametrize(
    ("share", "conditions"),
    [
        (0.95, STEADY),
        (0.95, FAST),
        (0.95, SLOW),
        (0.95, STEADY | {"latency_s": 0.5}),
        (0.85, STEADY | {"latency_s": 2.0}),
        (0.95, STEADY | {"retry_after_s": None}),
        (0.85, STEADY | {"retry_after_s": 2.0}),
        (0.80, STEADY | {"burst": 1}),
        (0.85, STEADY | {"window_s": 1.0}),
        (0.80, SLOW | {"window_s": 60.0, "retry_after_s": 30.0}),
    ],
)
def test_most_of_a_limit_is_used_and_little_is_refused(share, conditions) -> None:
    """Three minutes against a limit: the first seconds look for it, the rest keeps to it."""
    server, seconds = Limited(**conditions), 180.0
    if "window_s" in conditions:
        seconds = max(seconds, 6 * conditions["window_s"])
    server.run(seconds)
    through = server.after(server.answered, SETTLED_S)
    refused = server.after(server.refused, SETTLED_S)

    assert through / (seconds - SETTLED_S) >= share * server.limit
    assert refused <= 0.03 * through


def test_a_limit_that_is_lifted_is_soon_made_use_of() -> None:
    server = Limited(**SLOW)
    server.run(60)
    server.limit = server.burst = 40.0
    before = len(server.answered)
    server.run(180)

    assert (len(server.answered) - before) / 120 > 20


def test_a_limit_that_falls_is_kept_to() -> None:
    server = Limited(**FAST)
    server.run(60)
    server.limit, server.burst = 10.0, 10
    server.run(240)

    assert server.after(server.answered, 120) / 120 > 7
    assert server.after(server.refused, 120) < 0.05 * server.after(server.answered, 120)
