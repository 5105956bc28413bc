"""One download of a model, in a thread of its own, over broken connections and restarts."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from lib.core.errors import AppError, BadReply, StorageFailed
from lib.providers.line import HungUp, Line
from lib.providers.ollama_library import READ_ALL_S, OllamaLibrary
from lib.work.pull_progress import Progress

log = logging.getLogger(__name__)

State = Literal["pulling", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Pull:
    """A download to one of our servers; `host` is its base URL, `model` has its tag.

    `step` is Ollama's own word for what it does, empty as long as nothing was heard. Bytes are
    those of all files heard of so far; None is unknown. `error` says why it failed or, while it is
    pulling, why it pauses.
    """

    host: str
    model: str
    state: State = "pulling"
    step: str = ""
    done_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    eta_s: float | None = None
    error: AppError | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None


class PullRun:
    """Drives one download; `pull` is how it stands, replaced with every word of the server's.

    It tries again after each of `pauses_s`, and from the first of them when bytes have come in
    since. `ended` hears how it ended, in the thread, just before `pull` says so.
    """

    def __init__(
        self,
        pull: Pull,
        library: OllamaLibrary,
        ended: Callable[[Pull], object],
        pauses_s: Sequence[float],
    ) -> None:
        self.pull = pull
        self._library, self._ended, self._pauses_s = library, ended, pauses_s
        self._line, self._progress = Line(READ_ALL_S), Progress()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """End it, also in a pause; Ollama stops and keeps what it has."""
        self._line.hang_up()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        state, error = self._outcome()
        final = replace(
            self.pull,
            state=state,
            error=error,
            bytes_per_s=None,
            eta_s=None,
            ended=datetime.now(UTC),
        )
        try:
            self._ended(final)
        except Exception as problem:  # whatever its end sets off, it has ended
            log.warning("after a download: %s", type(problem).__name__)
        self.pull = final

    def _outcome(self) -> tuple[State, AppError | None]:
        try:
            self._until_done()
        except HungUp:
            return "cancelled", None
        except AppError as error:
            return "failed", error
        except Exception as error:
            log.exception("unforeseen %s", type(error).__name__, exc_info=False)
            return "failed", BadReply("Something in this app went wrong.")
        return "done", None

    def _until_done(self) -> None:
        tries = 0
        while True:
            before = self._progress.grown_bytes
            try:
                return self._try()
            except AppError as error:
                if self._progress.grown_bytes > before:
                    tries = 0
                # A full disk may be tried again by hand, once somebody has made room.
                final = isinstance(error, StorageFailed) or not error.retryable
                if final or tries == len(self._pauses_s):
                    raise
                self._pause(error, self._pauses_s[tries])
                tries += 1

    def _try(self) -> None:
        self._line.begin()
        with self._line.held():
            for step in self._library.pull(self.pull.host, self.pull.model):
                self._line.first_token()
                known = asdict(self._progress.add(step, time.monotonic()))
                self.pull = replace(self.pull, step=step.status, error=None, **known)

    def _pause(self, error: AppError, seconds: float) -> None:
        self._progress.interrupted()
        self.pull = replace(self.pull, error=error, bytes_per_s=None, eta_s=None)
        hung_up = threading.Event()
        with self._line.waiting(hung_up.set):
            if hung_up.wait(seconds):
                raise HungUp
