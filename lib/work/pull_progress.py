"""How far a download is, added up over its files; how fast; and how long it will take."""

from collections import deque
from dataclasses import dataclass

from lib.providers.ollama_pull import PullStep

# The speed is that of the last seconds: long enough to be read, short enough to tell.
WINDOW_S = 5.0
TICK_S = 0.05  # what comes in faster is remembered as one
LEAST_S = 0.5  # what came in less says nothing of a speed
MOST_FILES = 1000  # a model has a dozen; further ones are not counted


@dataclass(frozen=True, slots=True)
class Sum:
    """Bytes of all files known so far, None before the first; seconds and speed None if unknown."""

    done_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    eta_s: float | None = None


class Progress:
    """Of one download, also over its interruptions. `grown_bytes` came in while we looked on."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[int, int]] = {}  # done and total by digest
        self._done = self._total = 0  # over all files
        self._seen: deque[tuple[float, int]] = deque()  # moments, with grown_bytes at each
        self.grown_bytes = 0

    def add(self, step: PullStep, now: float) -> Sum:
        """Take a step of the moment `now`, in seconds, into account."""
        if step.digest and step.total_bytes is not None:
            self._count(step.digest, min(step.done_bytes or 0, step.total_bytes), step.total_bytes)
        if len(self._seen) > 1 and now - self._seen[-2][0] < TICK_S:
            self._seen.pop()
        self._seen.append((now, self.grown_bytes))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        return self._sum()

    def _count(self, digest: str, done: int, total: int) -> None:
        if digest not in self._files and len(self._files) == MOST_FILES:
            return
        # What a file begins with was there before: it is no speed.
        known_done, known_total = self._files.get(digest, (0, 0))
        if digest in self._files:
            self.grown_bytes += max(0, done - known_done)
        self._files[digest] = done, total
        self._done += done - known_done
        self._total += total - known_total

    def interrupted(self) -> Sum:
        """Nothing comes in for a while: forget the speed, keep what is there."""
        self._seen.clear()
        return self._sum()

    def _sum(self) -> Sum:
        if not self._files:
            return Sum()
        speed = self._speed()
        left_s = (self._total - self._done) / speed if speed else None
        return Sum(self._done, self._total, speed, left_s)

    def _speed(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (began, before), (now, grown) = self._seen[0], self._seen[-1]
        return (grown - before) / (now - began) if now - began >= LEAST_S else None
