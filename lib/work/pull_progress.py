"""How far a download is, added up over its files; how fast; and how long it will take."""

from collections import deque
from dataclasses import dataclass

from lib.providers.ollama_library import PullStep

WINDOW_S = (
    5.0  # the speed is that of the last seconds: long enough to be read, short enough to tell
)
LEAST_S = 0.5  # what came in less says nothing of a speed


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
        self._seen: deque[tuple[float, int]] = deque()  # moments, with grown_bytes at each
        self.grown_bytes = 0

    def add(self, step: PullStep, now: float) -> Sum:
        """Take a step of the moment `now`, in seconds, into account."""
        if step.digest and step.total_bytes is not None:
            done = step.done_bytes or 0
            # What a file begins with was there before: it is no speed.
            before = self._files.get(step.digest, (done, 0))[0]
            self._files[step.digest] = done, step.total_bytes
            self.grown_bytes += max(0, done - before)
        self._seen.append((now, self.grown_bytes))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        return self._sum()

    def interrupted(self) -> Sum:
        """Nothing comes in for a while: forget the speed, keep what is there."""
        self._seen.clear()
        return self._sum()

    def _sum(self) -> Sum:
        if not self._files:
            return Sum()
        done, total = (sum(parts) for parts in zip(*self._files.values(), strict=True))
        speed = self._speed()
        return Sum(done, total, speed, (total - done) / speed if speed else None)

    def _speed(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (began, before), (now, grown) = self._seen[0], self._seen[-1]
        return (grown - before) / (now - began) if now - began >= LEAST_S else None
