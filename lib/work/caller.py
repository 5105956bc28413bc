"""Calls for a job: paced, waited for, and charged to the rows they were made for."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lib.core.calibration import Centre
from lib.core.chat import Finish, Media, ModelInfo, Request, Source, Text, TokenLogprob, Usage
from lib.core.errors import (
    AppError,
    BadReply,
    Busy,
    EndedByBudget,
    JobOverBudget,
    OverBudget,
    RateLimited,
    StorageFailed,
)
from lib.core.spec import Spec
from lib.providers.line import Line
from lib.work.app import App
from lib.work.ask import ask
from lib.work.meter import Receipt
from lib.work.models import Choice
from lib.work.pace import Pace
from lib.work.tally import NOTHING, UNKNOWN, Pending, charge, counts_of

LOOK_AGAIN_S = 0.5  # for calls of others that hold the budget's last dollars
STORAGE_S = 1.0  # between two tries of a storage that fails


class Stopped(Exception):
    """The job is not to make further calls; what is under way is finished."""


class Halt(Exception):
    """The whole job must stop, for this reason; the row was not asked."""

    def __init__(self, error: AppError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of which model. `picture(n)` gives the picture of row n, for picture rows.

    `centre` is a scoring model's calibration if it has one; `keep_centre` stores a new one.
    """

    app: App
    choice: Choice
    spec: Spec
    source: Source
    job: str | None = None
    picture: Callable[[int], Media] | None = None
    centre: Centre | None = None
    keep_centre: Callable[[Centre], Centre] = lambda centre: centre


def fit_spec(asked: Spec, info: ModelInfo) -> Spec:
    """The spec as this model can do it: one that scores labels reads row by row, and once."""
    return replace(asked, rows_per_request=1, votes=1) if info.scores else asked


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    logprobs: tuple[TokenLogprob, ...]
    receipt: Receipt


class Caller:
    """Shared by the threads of one job; `halted` is set when it is to make no further call."""

    def __init__(self, order: Order, halted: threading.Event) -> None:
        self._order, self._app, self._halted = order, order.app, halted
        self._choice = replace(order.choice, provider=order.choice.bulk)
        self._pace = Pace()
        self._flight = threading.Condition()
        self._lines: set[Line] = set()
        self._ended = 0  # calls that were made, however they ended

    def hang_up(self) -> None:
        """Break off the calls under way; their rows stay unasked."""
        with self._flight:
            lines = list(self._lines)
        for line in lines:
            line.hang_up()

    def wait(self, seconds: float) -> None:
        """Sleep, unless the job is stopped; then Stopped is raised."""
        if self._halted.wait(max(0.0, seconds)):
            raise Stopped

    def call(self, request: Request, rows: list[Pending]) -> Answer:
        """One call that goes through; what passes is waited out: refusals for want of room or of
        budget, and a storage that fails."""
        alone = 0
        while alone < 2:  # the last other call may end between the refusal and a look around
            ended = self._ended
            if self._halted.is_set():
                raise Stopped
            sent_at = self._pace.turn(self.wait)
            started = time.perf_counter()
            try:
                answer = self._written_down(request)
            except EndedByBudget as error:
                self._count_end()
                charge(rows, counts_of(Usage(), error.cost_usd), _ms_since(started))
                raise Halt(error) from error
            except OverBudget as error:  # nothing was sent
                alone = 0 if self._wait_for_room(error, ended) else alone + 1
                over = error
                continue
            except AppError as error:
                self._count_end()
                counts = NOTHING if error.costs_nothing else UNKNOWN
                charge(rows, counts, _ms_since(started))
                if isinstance(error, RateLimited) and error.retryable:
                    self._pace.refused(sent_at, error.retry_after_s)
                    continue
                raise
            except Exception:
                charge(rows, UNKNOWN, 0.0)
                raise
            self._take(answer.receipt, rows)
            return answer
        raise Halt(over) from over

    def _take(self, receipt: Receipt, rows: list[Pending]) -> None:
        """Count and charge a call that went through; BadReply if its answer broke off."""
        self._count_end()
        self._pace.went_through()
        charge(rows, counts_of(receipt.usage, receipt.cost_usd), receipt.total_ms)
        if receipt.finish is Finish.STOPPED:
            self.wait(0)  # hung up on
            raise BadReply("The answer ended without an end mark.")

    def _count_end(self) -> None:
        with self._flight:
            self._ended += 1
            self._flight.notify_all()

    def _written_down(self, request: Request) -> Answer:
        """As `_send`; while the storage fails nothing is sent, and it is tried again."""
        while True:
            try:
                return self._send(request)
            except (Busy, StorageFailed):
                self.wait(STORAGE_S)

    def _send(self, request: Request) -> Answer:
        texts: list[str] = []
        logprobs: list[TokenLogprob] = []
        with self.line() as line:
            order = self._order
            for piece in ask(order.app, self._choice, request, order.source, line, order.job):
                if isinstance(piece, Text):
                    texts.append(piece.text)
                    logprobs += piece.logprobs
                elif isinstance(piece, Receipt):
                    receipt = piece
        return Answer("".join(texts), tuple(logprobs), receipt)

    @contextmanager
    def line(self) -> Generator[Line, None, None]:
        """A line for one call, which `hang_up` cuts."""
        line = Line(self._app.settings.model_timeout_s)
        with self._flight:
            self._lines.add(line)
        try:
            yield line
        finally:
            with self._flight:
                self._lines.discard(line)

    def _wait_for_room(self, error: OverBudget, ended: int) -> bool:
        """Wait while calls are under way, that may cost less than reserved; False: none is."""
        job = self._order.job if isinstance(error, JobOverBudget) else None
        longest_s = self._app.settings.model_timeout_s
        # The ledger knows best: threads of ours that are being refused are no calls.
        if self._ended == ended and not self._app.ledger.in_flight(longest_s, job):
            return False
        with self._flight:
            self._flight.wait_for(lambda: self._ended != ended, timeout=LOOK_AGAIN_S)
        self.wait(0)
        return True


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
