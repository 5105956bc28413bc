"""What the storage does not take, kept in memory and written as soon as it takes it again."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from lib.core.errors import AppError, Busy, StorageFailed

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")

FIRST_S, LONGEST_S = 0.25, 5.0  # between two tries
MOST_KEPT = 10_000


class Late(Generic[Key, Value]):
    """Calls `write(key, value)` at once, or in a thread of its own until it goes through.

    Of several values of one key the last one counts. With `in_turn` only one of them is written at
    a time, so that no older value is written over a newer one, or over what took its place.
    `problem` is why the storage takes nothing now.
    """

    def __init__(self, write: Callable[[Key, Value], object], in_turn: bool = False) -> None:
        self._write = write
        self._kept: dict[Key, Value] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock() if in_turn else contextlib.nullcontext()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: AppError | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """What is kept and still to be written."""
        return self._kept.get(key)

    def save(self, key: Key, value: Value) -> None:
        """Write it, now or later; raises neither Busy nor StorageFailed."""
        # Nobody who has an answer in his hands waits for a storage that is known to fail.
        if self.problem is None and key not in self._kept:
            with self._turn:
                try:
                    self._write(key, value)
                    return
                except (Busy, StorageFailed) as error:
                    self.problem = error
        self._keep(key, value)

    @contextlib.contextmanager
    def removing(self, unwanted: Callable[[Key], bool]) -> Iterator[None]:
        """Around the removal of what was written: what is kept of it is forgotten too."""
        with self._turn:
            yield
            with self._lock:
                self._kept = {key: kept for key, kept in self._kept.items() if not unwanted(key)}

    def close(self) -> None:
        """The last try."""
        self._closed.set()
        if self._kept and not self._flush():
            log.error("%d writes are lost: the storage did not take them", len(self))

    def _keep(self, key: Key, value: Value) -> None:
        with self._lock:
            if len(self._kept) >= MOST_KEPT and key not in self._kept:
                log.error("a write is lost: too many wait for the storage")
                return
            self._kept[key] = value
            if self._thread is None:
                log.warning("the storage takes nothing, what is written now waits for it")
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause_s = FIRST_S
        while not self._closed.wait(pause_s):
            pause_s = FIRST_S if self._flush() else min(LONGEST_S, 2 * pause_s)
            with self._lock:
                if not self._kept:
                    self.problem = self._thread = None
                    return

    def _flush(self) -> bool:
        """Write what is kept, the oldest first; False: the storage still does not take it."""
        with self._lock:
            kept = list(self._kept.items())
        for key, value in kept:
            with self._turn:
                if self.get(key) is value and not self._write_late(key, value):
                    return False
            with self._lock:
                if self.get(key) is value:  # else a newer one came meanwhile
                    del self._kept[key]
        return True

    def _write_late(self, key: Key, value: Value) -> bool:
        try:
            self._write(key, value)
        except (Busy, StorageFailed) as error:
            self.problem = error
            return False
        except Exception as error:  # no later try would be better
            log.error("a write is lost: %s", type(error).__name__)
        self.problem = None
        return True
