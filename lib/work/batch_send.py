"""Rows of a chunk on their way into batches: cut, reserved, written down, and handed over once."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from lib.core.batch import Batching, weight
from lib.core.chat import Request
from lib.core.errors import (
    AppError,
    BadInput,
    BadReply,
    Broke,
    JobOverBudget,
    NoConnection,
    OverBudget,
    RateLimited,
)
from lib.core.prices import BATCH
from lib.store.batches import Batch
from lib.work.ask import check_reads, most_it_can_cost
from lib.work.asker import HOPELESS
from lib.work.batch_calls import give_up
from lib.work.caller import Stopped
from lib.work.chunk_rows import ChunkRows
from lib.work.crew import Crew
from lib.work.pace import backoff_s
from lib.work.tally import Pending

log = logging.getLogger(__name__)

MOST_BYTES = 15_000_000  # of one batch; Google takes 20 MB of requests that are sent inline
MOST_ROWS = 2000  # of one batch: they are stored in one transaction, and others wait for its end
MOST_AT_ONCE = 10  # batches of one chunk; Google keeps a hundred of a project
LISTED_S = 30.0  # how long a batch that was taken may be missing in the provider's list
FIND_EVERY_S = 2.0


def is_unreadable(error: AppError) -> bool:
    """Whether an answer made no sense; a server that failed inside may be well again soon."""
    return isinstance(error, BadReply) and not isinstance(error, Broke)


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch and its rows."""

    rows: list[Pending]
    request: Request

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(pending.row.n for pending in self.rows)


class Sender:
    """Sends what is left of a chunk. `retry_s` is when the provider may have room again."""

    def __init__(
        self, crew: Crew, provider: Batching, rows: ChunkRows, job: str, chunk: int
    ) -> None:
        self._crew, self._provider, self._rows = crew, provider, rows
        self._job, self._chunk = job, chunk
        self._app, self._choice = crew.order.app, crew.order.choice
        self._absent: set[str] = set()  # batches that were turned away, and so surely are not there
        self.retry_s = 0.0

    def send(self, rows: list[Pending], others: int) -> bool:
        """Send rows beside `others` batches of the chunk; whether all of them were.

        Raises OverBudget when there is no money even for one and nothing may become cheaper.
        """
        for parts in self._cut(rows):
            batch = self._begin(parts) if others < MOST_AT_ONCE else None
            if batch is None:
                return False
            requests = {call: part.request for call, part in zip(batch.calls, parts, strict=False)}
            if not self.hand_over(batch, requests) or len(requests) < len(parts):
                return False
            others += 1
        return True

    def hand_over(self, batch: Batch, requests: Mapping[str, Request] | None = None) -> bool:
        """See that the provider has a batch, once; False while it has no room for another one.

        Without `requests` somebody may have sent it before. What will not go is given up and
        raised.
        """
        name, tries, self.retry_s = None, 0, 0.0
        if requests is None:
            if batch.id not in self._absent:
                sent_by = batch.tried + self._app.settings.model_timeout_s
                name = self._find(batch, sent_by + LISTED_S)
            requests = {} if name else self._requests(batch)
        while name is None and self._app.batches.try_now(batch.id):
            try:
                name = self._submit(batch, requests)
            except AppError as error:
                if isinstance(error, RateLimited) and error.retryable:
                    self._absent.add(batch.id)
                    self.retry_s = error.retry_after_s or 0.0
                    return False
                tries += 1
                self._bear(batch, error, tries)
                if not error.costs_nothing:
                    name = self._find(batch, self._app.batches.now() + LISTED_S)
        if name and not self._app.batches.sent(batch.id, name):
            with suppress(AppError), self._crew.at_work():  # cancelled meanwhile, or sent twice
                self._provider.cancel(name)
        return True

    def _cut(self, rows: list[Pending]) -> Iterator[list[Part]]:
        """Batches that the provider takes in one piece."""
        parts: list[Part] = []
        size = count = 0
        for part in self._parts(rows):
            size += weight(part.request)
            count += len(part.rows)
            if parts and (size > MOST_BYTES or count > MOST_ROWS):
                yield parts
                parts, size, count = [], weight(part.request), len(part.rows)
            parts.append(part)
        if parts:
            yield parts

    def _parts(self, rows: list[Pending]) -> Iterator[Part]:
        """A row whose picture cannot be read is settled at once, without a call."""
        left = deque(rows)
        while left:
            group = [left.popleft() for _ in range(min(left[0].most, len(left)))]
            try:
                request = self._request(group)
            except AppError as error:
                asked = self._crew.asker.excuse(group, error)
                self._crew.store(asked.settled)
                left.extendleft(reversed(asked.again))
            else:
                yield Part(group, request)

    def _request(self, rows: list[Pending]) -> Request:
        return check_reads(self._app, self._choice.info, self._crew.asker.request(rows))

    def _requests(self, batch: Batch) -> dict[str, Request]:
        """Those of a batch that was written down before: the same rows ask the same again."""
        rows = self._rows.all()
        if not rows:  # the job was deleted
            raise Stopped
        try:
            return {
                call: self._request([rows[n] for n in numbers])
                for call, numbers in batch.calls.items()
            }
        except BadInput as error:
            give_up(self._app, batch, rows, error, "refused")
            raise

    def _begin(self, parts: list[Part]) -> Batch | None:
        """The batch with as much as can be paid for; None when others may yet cost less."""
        asks = [
            (part.numbers, most_it_can_cost(self._app, self._choice, part.request, BATCH))
            for part in parts
        ]
        try:
            return self._app.batches.begin(self._job, self._chunk, self._choice.info.id, asks)
        except OverBudget as error:
            job = self._job if isinstance(error, JobOverBudget) else None
            longest_s = self._app.settings.model_timeout_s
            if self._app.batches.any_awaited(job) or self._app.ledger.in_flight(longest_s, job):
                return None
            raise

    def _submit(self, batch: Batch, requests: Mapping[str, Request]) -> str:
        with self._crew.at_work():
            return self._provider.submit(self._choice.info.name, requests, batch.id)

    def _find(self, batch: Batch, until: float) -> str | None:
        """The batch's name at the provider; None when it is not in its list even at this time.

        Raises when the list cannot be read by then: it may be there, so it is not sent again.
        """
        while True:
            now = self._app.batches.now()
            try:
                with self._crew.at_work():
                    name = self._provider.find(batch.id)
                if name or now >= until:
                    return name
            except HOPELESS:
                raise
            except AppError as error:  # it may pass
                log.info("the list of batches could not be read: %s", error.code)
                if now >= until and is_unreadable(error):
                    raise
            self._crew.asker.wait(FIND_EVERY_S)

    def _bear(self, batch: Batch, error: AppError, tries: int) -> None:
        """Wait before the next try, or give the batch up and raise why."""
        final = error.costs_nothing and not isinstance(error, NoConnection)
        if final or tries > self._crew.order.spec.max_retries:
            give_up(self._app, batch, self._rows.all(), error, "refused")
            raise error
        self._crew.asker.wait(backoff_s(tries, error.retry_after_s))
