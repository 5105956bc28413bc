"""What the fake remembers of every call, and how many generations run at once."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any


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


class Register:
    """The calls so far; safe to use from every thread."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.max_in_flight = 0
        self.closing = False
        self._running: set[Call] = set()
        self._changed = threading.Condition()

    @property
    def in_flight(self) -> int:
        return len(self._running)

    def start(self, call: Call, generation: bool) -> None:
        call.generation = generation
        with self._changed:
            self.calls.append(call)
            if generation:
                self._running.add(call)
                self.max_in_flight = max(self.max_in_flight, len(self._running))

    def finish(self, call: Call, hung_up: bool = False) -> None:
        """Close the call's record; only the first time counts."""
        with self._changed:
            if call.finished is not None:
                return
            call.hung_up = hung_up and not self.closing
            call.finished = time.monotonic()
            self._running.discard(call)
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no generation runs; False when one still does after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)
