"""What the fake remembers of every call, and how many generations run at once."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.conduct import Conduct, Door
from tests.fakes.gpu import gpu_of

GATHER_S = 30.0
MOST_TEXTS = 300_000  # whose askings are counted; further ones are not, to bound the memory


@dataclass(eq=False)
class Call:
    """One call. `started` and `finished` are `time.monotonic()` seconds.

    `finished` is set just before the last byte goes out (or when the call broke off), so it is
    there when the client has its answer. `hung_up`: the client closed before that.
    """

    dialect: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    model: str
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None
    hung_up: bool = False
    query: str = ""
    generation: bool = False
    let_in: bool = False


class Register:
    """The calls so far, the last `keep` of them at least; safe to use from every thread."""

    def __init__(self, conduct: Conduct, keep: int | None = None) -> None:
        self.door, self.gpu = Door(conduct), gpu_of(conduct)
        self._gather = conduct.gather
        self.calls: list[Call] = []
        self.max_in_flight = 0
        self.closing = False
        self._keep = keep
        self._running: set[Call] = set()
        self._inside = self._most_inside = 0
        self._counts = Counter[str]()
        self._texts = Counter[str]()
        self._seconds = 0.0
        self._changed = threading.Condition()

    @property
    def in_flight(self) -> int:
        return len(self._running)

    def start(self, call: Call, generation: bool) -> None:
        call.generation = generation
        with self._changed:
            self.calls.append(call)
            if self._keep and len(self.calls) > 2 * self._keep:
                del self.calls[: -self._keep]
            if generation:
                self._counts["asked"] += 1
                self._running.add(call)
                self.max_in_flight = max(self.max_in_flight, len(self._running))

    def turned_away(self, call: Call) -> str:
        """The fault a call gets by the server's conduct; empty: it is let in."""
        with self._changed:
            fault = self.door.turned_away(self._inside)
            if fault:
                self._counts["failed" if fault == "unavailable" else "refused"] += 1
            elif call.finished is None:  # else the client has gone already
                call.let_in = True
                self._inside += 1
                self._most_inside = max(self._most_inside, self._inside)
                if self._most_inside == self._gather:
                    self._changed.notify_all()
            return fault

    def wait_gathered(self) -> None:
        """Wait until as many calls were inside at once as the conduct wants; GATHER_S at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._most_inside >= self._gather, GATHER_S)

    def note(self, texts: Iterable[str]) -> frozenset[str]:
        """Count the texts a call that was let in asks about; gives those that are new."""
        with self._changed:
            wanted = set(texts)
            fresh = frozenset(text for text in wanted if text not in self._texts)
            if len(self._texts) >= MOST_TEXTS:
                wanted -= fresh
            self._texts.update(wanted)
            return fresh

    def texts(self) -> dict[str, int]:
        """How often each text was asked about by a call that was let in."""
        with self._changed:
            return dict(self._texts)

    def stats(self) -> dict[str, float | None]:
        """Counts so far; `mean_latency_s` is over the finished calls that were let in."""
        with self._changed:
            finished = self._counts["finished"]
            return {
                **{name: self._counts[name] for name in ("asked", "refused", "failed")},
                "in_flight": self.in_flight,
                "max_in_flight": self.max_in_flight,
                "mean_latency_s": self._seconds / finished if finished else None,
            }

    def finish(self, call: Call, hung_up: bool = False) -> None:
        """Close the call's record; only the first time counts."""
        with self._changed:
            if call.finished is not None:
                return
            call.hung_up = hung_up and not self.closing
            call.finished = time.monotonic()
            self._running.discard(call)
            if call.let_in:
                self._inside -= 1
                self._counts["finished"] += 1
                self._seconds += call.finished - call.started
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no generation runs; False when one still does after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)
