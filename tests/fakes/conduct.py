"""How the fake behaves as a whole: how long answers take, and whom it turns away."""

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conduct:
    """All of it off by default.

    `latency_s` is the mean time before an answer begins, log-normal with `sigma` (0: always the
    mean). `per_second` calls are let in, in bursts of a second's worth, and `concurrent` at once;
    the others get a 429. `failing` is the share of the calls let in that get a 503. No answer
    begins before `gather` calls have been inside at once. With `decode_tok_s` (of each stream) and
    `prefill_tok_s` (of all together) answers are as long as was asked for and come as from a GPU of
    that speed, which serves `slots` calls at once (0: all) while the others wait.
    """

    latency_s: float = 0.0
    sigma: float = 0.0
    per_second: float = 0.0
    failing: float = 0.0
    concurrent: int = 0
    gather: int = 0
    seed: int = 0
    prefill_tok_s: float = 0.0
    decode_tok_s: float = 0.0
    slots: int = 0


class Door:
    """Lets calls in by a conduct; safe to use from every thread."""

    def __init__(self, conduct: Conduct, now: Callable[[], float] = time.monotonic) -> None:
        self._conduct, self._now = conduct, now
        self._random = random.Random(conduct.seed)
        self._lock = threading.Lock()
        self._burst = max(1.0, conduct.per_second)
        self._tokens, self._filled = self._burst, now()

    def turned_away(self, inside: int) -> str:
        """The fault a call gets while `inside` others are answered; empty: it may come in."""
        conduct = self._conduct
        with self._lock:
            if conduct.concurrent and inside >= conduct.concurrent:
                return "throttled"
            if conduct.per_second and not self._token():
                return "throttled"
            return "unavailable" if self._random.random() < conduct.failing else ""

    def latency_s(self) -> float:
        """The next answer's time before it begins."""
        mean, sigma = self._conduct.latency_s, self._conduct.sigma
        if not mean or not sigma:
            return mean
        with self._lock:
            return self._random.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)

    def _token(self) -> bool:
        now = self._now()
        grown = (now - self._filled) * self._conduct.per_second
        self._tokens, self._filled = min(self._burst, self._tokens + grown), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
