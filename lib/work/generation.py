"""An answer being written by the server: readers attach and leave, the writing goes on."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator

from lib.core.chat import Text, Thought
from lib.core.errors import AppError, BadReply
from lib.providers.line import Line
from lib.work.meter import Receipt

log = logging.getLogger(__name__)

Pieces = Generator[Text | Thought | Receipt, None, None]


_writing: "weakref.WeakSet[Generation]" = weakref.WeakSet()


def stop_all() -> None:
    """Stop every answer of this process: the server is about to end."""
    for generation in list(_writing):
        generation.stop()


class Generation:
    """Runs `ask(line)` in a thread of its own; `texts` and `thoughts` only ever grow.

    After `done`, exactly one of `receipt` and `error` is set.
    """

    def __init__(self, ask: Callable[[Line], Pieces], wait_s: float) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.receipt: Receipt | None = None
        self.error: AppError | None = None
        self.done = False
        self.started = time.monotonic()
        self._line = Line(wait_s)
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], object]] = []
        _writing.add(self)
        self._thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def thought(self) -> str:
        return "".join(self.thoughts)

    def stop(self) -> None:
        """Hang up on the provider, also while it is still reading the prompt."""
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
            self._listeners.append(on_change)
        on_change()

    def _count(self) -> int:
        return len(self.texts) + len(self.thoughts)

    def _run(self, ask: Callable[[Line], Pieces]) -> None:
        try:
            for piece in ask(self._line):
                self._take(piece)
        except AppError as error:
            self.error = error
        except Exception as error:
            # The kind only: the text may hold the prompt.
            log.exception("unforeseen %s", type(error).__name__, exc_info=False)
            self.error = BadReply("Something in this app went wrong.")
        finally:
            self.done = True
            self._tell()

    def _take(self, piece: Text | Thought | Receipt) -> None:
        if isinstance(piece, Receipt):
            self.receipt = piece
            return
        (self.texts if isinstance(piece, Text) else self.thoughts).append(piece.text)
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener()
            except Exception as error:  # a reader that is gone must not end the writing
                log.warning("a reader failed with %s", type(error).__name__)
                self._listeners.remove(listener)
