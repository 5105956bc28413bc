"""A chunk of a job through a Batch API: sent, waited for and collected; what is left over, singly.

What is sent was written down before, with its calls' reservations, so whoever takes the chunk up
after a kill or a pause collects it: nothing is sent twice. Answers are read by the rules of every
job, and rows without a usable one are asked again in single calls.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from lib.core.batch import BatchAnswer, Batching, BatchState, Unkeyed
from lib.core.errors import (
    AppError,
    Busy,
    NotConfigured,
    NotFound,
    StorageFailed,
    TimedOut,
    Unreachable,
)
from lib.core.task import RowResult
from lib.providers.line import HungUp
from lib.store.batches import Batch, End
from lib.store.jobs import Job
from lib.work.app import App
from lib.work.asker import HOPELESS, Asked
from lib.work.batch_calls import Ending, give_up
from lib.work.batch_send import Sender, is_unreadable
from lib.work.caller import STORAGE_S, Halt, Stopped
from lib.work.chunk_rows import ChunkRows
from lib.work.crew import Crew
from lib.work.tally import Pending

log = logging.getLogger(__name__)

FIRST_LOOK_S, LONGEST_LOOK_S = 2.0, 60.0  # between two looks at a batch, growing
GROWTH = 1.5
STUCK_S = 26 * 3600.0  # Google means to answer within 24 hours
MOST_UNREADABLE = 10  # in a row: over three minutes of looks
RUNNING = (BatchState.PENDING, BatchState.RUNNING)
_AGAIN = "Resume the job: the rows that have no answer go into a new batch."


def batching(app: App) -> Batching:
    """Who takes batches; NotConfigured when nobody does."""
    if app.gemini_batch is None:
        raise NotConfigured(
            "batch: Google's Batch API is not set up here.",
            hint="It needs GOOGLE_API_KEY and the package google-genai, which GEMINI_SDK may not "
            "forbid.",
        )
    return app.gemini_batch


class BatchChunk:
    """Asks a chunk of a job; calls for single rows are the crew's."""

    def __init__(self, crew: Crew, rows: ChunkRows, job: Job, chunk: int) -> None:
        self._crew, self._rows, self._job, self._chunk = crew, rows, job.id, chunk
        self._app, self._choice = crew.order.app, crew.order.choice
        self._provider = batching(self._app)
        self._sender = Sender(crew, self._provider, rows, job.id, chunk)
        self._pause_s = FIRST_LOOK_S
        self._error: AppError | None = None  # the first one that ends the job
        self._unreadable: Counter[str] = Counter()  # replies in a row, by batch

    def run(self) -> bool:
        """Whether all rows were settled; False: the crew was stopped.

        Raises what ends the job, once what else was sent has ended and is collected.
        """
        try:
            while self._round():
                pass
        except (Stopped, HungUp):
            return False
        if self._error:
            raise self._error
        return True

    def _round(self) -> bool:
        """Send what is left, then wait until something ends; False: nothing is left."""
        try:
            complete = self._send_unless_failed()
            waiting = self._app.batches.open(self._job, self._chunk)
            if self._error:  # what was not sent yet is sent when the job is resumed
                waiting = [batch for batch in waiting if batch.name]
            if complete and not waiting:
                return False
            self._wait(waiting)
        except (Busy, StorageFailed):  # what was sent waits at Google meanwhile
            self._crew.asker.wait(STORAGE_S)
        return True

    def _send_unless_failed(self) -> bool:
        try:
            return self._error is not None or self._send()
        except (Busy, StorageFailed):
            raise
        except Halt as halt:
            self._fail(halt.error)
        except AppError as error:
            self._fail(error)
        return True

    def _fail(self, error: AppError) -> None:
        self._error = self._error or error

    def _send(self) -> bool:
        """Whether everything was sent; the rest has to wait for room."""
        known = self._app.batches.open(self._job, self._chunk)
        taken = frozenset[int]().union(*(batch.rows for batch in known))
        rows = self._rows.to_ask(but=taken)
        if blank := [one for one in rows if one.row.text is None]:
            self._ask_singly(blank)
        rows = [one for one in rows if one.row.text is not None]
        unsent = (batch for batch in known if batch.state == "sending")
        if not all(self._sender.hand_over(batch) for batch in unsent):
            return False
        return not rows or self._sender.send(rows, len(known))

    def _wait(self, waiting: list[Batch]) -> None:
        """Until one has ended; while none is there yet, until it is time to try again."""
        there = [batch for batch in waiting if batch.name]
        while True:
            self._crew.asker.wait(min(LONGEST_LOOK_S, max(self._pause_s, self._sender.retry_s)))
            self._pause_s = min(LONGEST_LOOK_S, GROWTH * self._pause_s)
            if any([self._ends(batch) for batch in there]):  # each of them is looked at
                self._pause_s = FIRST_LOOK_S
                return
            if not there:
                return

    def _ends(self, batch: Batch) -> bool:
        """Look at a batch, and take in how it ended if it has."""
        state = self._look(batch)
        if state in RUNNING:
            return False
        if state is BatchState.SUCCEEDED:
            return self._collect(batch)
        if state is BatchState.EXPIRED:
            late = TimedOut("Gemini did not answer a batch of this job in time.", hint=_AGAIN)
            return self._lose(batch, "expired", late)
        broken = Unreachable("Gemini ended a batch of this job without answers.", hint=_AGAIN)
        return self._lose(batch, "failed", broken)

    def _look(self, batch: Batch) -> BatchState:
        state, name = BatchState.RUNNING, batch.name or ""
        try:
            with self._crew.at_work():
                state = self._provider.look(name)
        except NotFound:
            return BatchState.FAILED
        except HOPELESS:
            raise
        except AppError as error:  # it may pass, and the batch goes on meanwhile
            log.info("a batch could not be looked at: %s", error.code)
            hopeless = self._is_hopeless(batch, error)
        else:
            hopeless = False
            if state in RUNNING:
                del self._unreadable[batch.id]
        if state in RUNNING and (hopeless or self._app.batches.age_s(batch) > STUCK_S):
            with suppress(AppError), self._crew.at_work():
                self._provider.cancel(name)
            return BatchState.FAILED if hopeless else BatchState.EXPIRED
        return state

    def _is_hopeless(self, batch: Batch, error: AppError) -> bool:
        """Whether what Google says of a batch cannot be read, and that was so all the time."""
        self._unreadable[batch.id] += is_unreadable(error)
        return self._unreadable[batch.id] >= MOST_UNREADABLE

    def _collect(self, batch: Batch) -> bool:
        """Take its answers in; False when they cannot be had just now."""
        name = batch.name or ""
        try:
            with self._crew.at_work():
                answers = self._provider.answers(name)
        except (NotFound, Unkeyed) as error:
            return self._lose(batch, "failed", error)
        except HOPELESS:
            raise
        except AppError as error:
            log.info("a batch could not be fetched: %s", error.code)
            return self._is_hopeless(batch, error) and self._lose(batch, "failed", error)
        with self._crew.at_work():
            again = self._take_in(batch, answers)
        with suppress(AppError), self._crew.at_work():
            self._provider.delete(name)
        if again and not self._error:
            self._ask_singly(again)
        return True

    def _take_in(
        self, batch: Batch, answers: Mapping[str, BatchAnswer | AppError]
    ) -> list[Pending]:
        """Store what came of it; the rows to ask again."""
        rows = self._rows.all()
        if not rows:  # the job was deleted
            raise Stopped
        ending, halt = Ending(self._app, batch, rows), None
        settled: list[tuple[Pending, RowResult]] = []
        again: list[Pending] = []
        for call in batch.calls:
            try:
                asked = self._judge(ending, call, answers.get(call))
            except Halt as raised:
                halt = halt or raised
                continue
            settled += asked.settled
            again += asked.again
        if not ending.store("collected", settled):
            return []
        if halt:
            self._fail(halt.error)
        return again

    def _judge(self, ending: Ending, call: str, answer: BatchAnswer | AppError | None) -> Asked:
        rows = ending.rows_of(call)
        if isinstance(answer, BatchAnswer):
            return self._crew.asker.read(rows, ending.answered(self._choice, call, answer))
        error = answer or Unreachable("A batch came back without an answer to this request.")
        ending.failed(call, error)
        return self._crew.asker.excuse(rows, error)

    def _ask_singly(self, rows: list[Pending]) -> None:
        if not self._crew.run(rows):
            raise Stopped

    def _lose(self, batch: Batch, state: End, error: AppError) -> bool:
        """It has ended without answers, and that ends the job; True."""
        if give_up(self._app, batch, self._rows.all(), error, state):
            self._fail(error)
        return True
