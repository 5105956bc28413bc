"""A rolling window of threads: when one call ends the next begins, no batch waits for its last."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lib.core.errors import AppError, BadReply, Busy, StorageFailed
from lib.core.task import RowResult
from lib.work.asker import Asker
from lib.work.caller import STORAGE_S, Halt, Order, Stopped
from lib.work.tally import NOTHING, Pending

log = logging.getLogger(__name__)

Settle = Callable[[list[tuple[Pending, RowResult]]], None]


class Batch:
    """Rows that somebody waits for together."""

    def __init__(self, rows: Sequence[Pending]) -> None:
        self.left = set(rows)


class Crew:
    """At most `size` calls in flight. `settle` stores results, in the thread that got them.

    `error` says why it stopped by itself; `stop` makes it stop after the calls under way.
    """

    def __init__(self, order: Order, size: int, settle: Settle) -> None:
        self.order, self._settle = order, settle
        self.halted = threading.Event()
        self.asker = Asker(order, self.halted)
        self._changed = threading.Condition()
        self._queue: deque[Pending] = deque()
        self._batches: list[Batch] = []
        self._size, self._working = size, 0
        self.error: AppError | None = None

    @property
    def calibrates(self) -> bool:
        """Whether the first rows' answers decide how the others are judged."""
        return self.asker.calibrates

    @property
    def rows_per_request(self) -> int:
        return self.asker.rows_per_request

    def run(self, rows: Sequence[Pending]) -> bool:
        """Ask these rows beside whatever else is asked; returns whether all were settled."""
        batch = Batch(rows)
        with self._changed:
            self._batches.append(batch)
            dropped = rows if self.halted.is_set() else []
            self._queue.extend([] if dropped else rows)
            self._hire()
            self._changed.wait_for(lambda: not batch.left or self._over())
            self._batches.remove(batch)
        self.note(dropped)
        return not batch.left

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, this thread counts as one that makes a call, which `hang_up` cuts."""
        with self._changed:
            self._working += 1
        try:
            with self.asker.line() as line, line.held():
                yield
        finally:
            with self._changed:
                self._working -= 1
                self._hire()
                self._changed.notify_all()

    def resize(self, size: int) -> None:
        """Another bound to the calls in flight, from the next call on."""
        with self._changed:
            self._size = size
            self._hire()

    def stop(self) -> None:
        with self._changed:
            self.halted.set()
            dropped = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        self.note(dropped)

    def hang_up(self) -> None:
        """Stop, and break off the calls under way."""
        self.stop()
        self.asker.hang_up()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no call is under way; only sensible after `stop`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._working, timeout_s)

    def store(self, settled: list[tuple[Pending, RowResult]]) -> None:
        """Answers are paid for: while the storage fails they wait for it, unless all must stop."""
        while True:
            try:
                return self._settle(settled)
            except (Busy, StorageFailed):
                if self.halted.wait(STORAGE_S):
                    raise

    def note(self, rows: Sequence[Pending]) -> None:
        """Keep what unfinished rows cost so far; it is added to what they take later."""
        cost = [(one, one.result("", None, None)) for one in rows if one.counts != NOTHING]
        try:
            if cost:
                self._settle(cost)
        except Exception as error:  # whoever stops the crew must not fail; the ledger has it
            log.error("what unfinished rows cost was not kept: %s", type(error).__name__)

    def _over(self) -> bool:
        return self.halted.is_set() and not self._working

    def _hire(self) -> None:
        requests = -(-len(self._queue) // self._queue[0].most) if self._queue else 0
        for _ in range(min(requests, self._size - self._working)):
            self._working += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _take(self) -> list[Pending]:
        """The rows of the next request; none: this thread is not needed any more."""
        with self._changed:
            if self.halted.is_set() or not self._queue or self._working > self._size:
                return []
            rows = [self._queue.popleft()]
            most = rows[0].most if rows[0].row.text is not None else 1
            while len(rows) < most and self._queue and self._fits(self._queue[0], most):
                rows.append(self._queue.popleft())
            return rows

    @staticmethod
    def _fits(pending: Pending, most: int) -> bool:
        return pending.most >= most and pending.row.text is not None

    def _work(self) -> None:
        while rows := self._take():
            try:
                asked = self.asker.ask(rows)
                self._take_in(asked.settled, asked.again)
            except Stopped:
                self.note(rows)
            except Halt as halt:
                self.note(rows)
                self._halt(halt.error)
            except Exception as error:
                self.note(rows)
                self._unforeseen(error)
        self._leave()

    def _leave(self) -> None:
        """The last one to go judges the rows that were held back for a calibration."""
        while True:
            with self._changed:
                if self._working > 1 or not self.asker.holds:
                    self._working -= 1
                    self._hire()
                    self._changed.notify_all()
                    return
            try:
                self._take_in(self.asker.rest(), [])
            except Exception as error:
                self._unforeseen(error)

    def _take_in(self, settled: list[tuple[Pending, RowResult]], again: list[Pending]) -> None:
        """Store what is settled before anything else is asked; queue what is not, first in line."""
        if settled:
            self.store(settled)
        with self._changed:
            dropped = again if self.halted.is_set() else []
            if not dropped:
                self._queue.extendleft(reversed(again))
            for batch in self._batches:
                batch.left.difference_update(pending for pending, _ in settled)
            self._hire()
            self._changed.notify_all()
        self.note(dropped)

    def _unforeseen(self, error: Exception) -> None:
        if isinstance(error, Busy | StorageFailed):
            return self._halt(error)
        # The kind only: the text may hold a row.
        log.error("a row failed unforeseen: %s", type(error).__name__)
        self._halt(BadReply("Something in this app went wrong."))

    def _halt(self, error: AppError) -> None:
        with self._changed:
            self.error = self.error or error
        self.stop()
