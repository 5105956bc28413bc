"""An answer being written by the server: readers attach and leave, the writing goes on."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Sequence

from lib.core.chat import Text, Thought
from lib.core.errors import AppError, BadReply, Busy
from lib.providers.line import Line
from lib.work.meter import Receipt

log = logging.getLogger(__name__)

Pieces = Generator[Text | Thought | Receipt, None, None]

LOOK_S = 0.05  # how often a queued answer looks whether it was stopped

# Each answer is a thread, a connection to a model and some kilobytes of text: two hundred people
# who ask at once are served, a flood is not.
MOST = 256

_places = threading.BoundedSemaphore(MOST)
_writing: "weakref.WeakSet[Generation]" = weakref.WeakSet()


class Room:
    """Places for `count` answers, all of them or Busy; for those who store things first.

    Each Generation that is given the room takes one over; leaving the `with` frees the others.
    """

    def __init__(self, count: int) -> None:
        self._left = 0
        while self._left < count and _places.acquire(blocking=False):
            self._left += 1
        if self._left < count:
            self._leave()
            raise _busy()

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def take_over(self) -> None:
        """One place belongs to the caller now, who is to free it."""
        self._left -= 1

    def _leave(self) -> None:
        if self._left:
            _places.release(self._left)
        self._left = 0


def stop_all() -> None:
    """Stop every answer of this process: the server is about to end."""
    stop(list(_writing))


def stop(generations: Iterable["Generation"]) -> None:
    """Stop them, the newest first: else a queued one would begin when the one before it ends."""
    for generation in sorted(generations, key=lambda one: one.started, reverse=True):
        generation.stop()


class Generation:
    """Runs `ask(line)` in a thread of its own; `texts` and `thoughts` only ever grow.

    It waits for its turn until all `after` are done; stopped meanwhile, it calls `unasked` instead
    of `ask`. `started` and `began` (None: not yet) are when it was made and when its turn came, in
    monotonic seconds. After `done`, one of `receipt` and `error` is set, if it began. Raises Busy
    when `MOST` answers are being written (unless it has a place in a `room`) or the system has no
    thread left, before anything is asked.
    """

    def __init__(
        self,
        ask: Callable[[Line], Pieces],
        wait_s: float,
        after: Sequence["Generation"] = (),
        unasked: Callable[[], object] = lambda: None,
        room: Room | None = None,
    ) -> None:
        (room or Room(1)).take_over()
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.receipt: Receipt | None = None
        self.error: AppError | None = None
        self.done = False
        self.started = time.monotonic()
        self.began: float | None = None
        self._line = Line(wait_s)
        self._changed = threading.Condition()
        self._listeners: tuple[Callable[[], object], ...] = ()  # replaced, never changed
        _writing.add(self)
        self._thread = threading.Thread(
            target=self._run, args=(ask, tuple(after), unasked), daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # the system has no thread left
            _places.release()
            raise _busy() from None

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def thought(self) -> str:
        return "".join(self.thoughts)

    def stop(self) -> None:
        """Hang up on the provider, also while it reads the prompt; in the queue, never call it."""
        self._line.hang_up()

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until there are more than `seen` pieces, or the end; returns how many there are."""
        with self._changed:
            self._changed.wait_for(lambda: self.done or self._count() > seen, timeout_s)
            return self._count()

    def join(self, timeout_s: float | None = None) -> None:
        self._thread.join(timeout_s)

    def listen(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` from the writing thread after every piece and at the end."""
        with self._changed:
            self._listeners = (*self._listeners, on_change)
        on_change()

    def unlisten(self, on_change: Callable[[], object]) -> None:
        """Call it no more; whoever does not listen is no error."""
        with self._changed:
            self._listeners = tuple(one for one in self._listeners if one != on_change)

    def _count(self) -> int:
        return len(self.texts) + len(self.thoughts)

    def _run(
        self,
        ask: Callable[[Line], Pieces],
        after: Sequence["Generation"],
        unasked: Callable[[], object],
    ) -> None:
        try:
            if self._has_its_turn(after):
                self.began = time.monotonic()
                for piece in ask(self._line):
                    self._take(piece)
            else:
                unasked()
        except AppError as error:
            self.error = error
        except Exception as error:
            # The kind only: the text may hold the prompt.
            log.exception("unforeseen %s", type(error).__name__, exc_info=False)
            self.error = BadReply("Something in this app went wrong.")
        finally:
            self.done = True
            _places.release()
            self._tell()

    def _has_its_turn(self, after: Sequence["Generation"]) -> bool:
        """Wait for those before; False when it was stopped meanwhile."""
        for one in after:
            while not one.done and not self._line.hung_up:
                one.join(LOOK_S)
        return not after or not self._line.hung_up

    def _take(self, piece: Text | Thought | Receipt) -> None:
        if isinstance(piece, Receipt):
            self.receipt = piece
            return
        (self.texts if isinstance(piece, Text) else self.thoughts).append(piece.text)
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            try:
                listener()
            except Exception as error:  # a reader that is gone must not end the writing
                log.warning("a reader failed with %s", type(error).__name__)
                self.unlisten(listener)


def _busy() -> Busy:
    return Busy("This server is writing as many answers as it can.", retry_after_s=5)
