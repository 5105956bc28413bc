"""One request for one row or a pack of rows, until each has a label, an error, or another try."""

import threading
from dataclasses import dataclass, replace

from lib.core.answers import confidence_of, label_of, labels_of, vote
from lib.core.chat import Finish, Request
from lib.core.errors import (
    AppError,
    AuthFailed,
    BadInput,
    BadReply,
    Broke,
    ModelMissing,
    NoConnection,
    NotConfigured,
    NotFound,
    QuotaExhausted,
)
from lib.core.prompt import pack, single
from lib.core.task import RowResult
from lib.work.calibrating import Calibrator
from lib.work.caller import Answer, Caller, Halt, Order
from lib.work.pace import backoff_s
from lib.work.tally import Pending

# After one of these every further call would end the same way.
HOPELESS = (AuthFailed, ModelMissing, QuotaExhausted, NotConfigured, NotFound)
INVALID_ASKS = 2  # an answer that is no label is asked once more
SMALLER = 4  # what a pack left open is asked again in packs of a quarter
VOTE_TEMPERATURE = 0.7  # several votes of a model that always says the same tell nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of the rows of a request: settled ones, and ones to ask again after a pause."""

    settled: list[tuple[Pending, RowResult]]
    again: list[Pending]
    pause_s: float = 0.0


class Asker:
    """Shared by the threads of one job; `halted` is set when it is to make no further call."""

    def __init__(self, order: Order, halted: threading.Event) -> None:
        self._order, self._caller = order, Caller(order, halted)
        self._model, self._names = order.choice.info.id, order.spec.task.names
        self.hang_up, self.line, self.wait = (
            self._caller.hang_up,
            self._caller.line,
            self._caller.wait,
        )
        self._calibrator: Calibrator | None = None
        if order.choice.info.scores:
            task, keep = order.spec.task, order.keep_centre
            self._calibrator = Calibrator(task, self._model, order.centre, keep)

    @property
    def calibrates(self) -> bool:
        return self._calibrator is not None

    @property
    def rows_per_request(self) -> int:
        return self._order.spec.rows_per_request

    @property
    def holds(self) -> bool:
        """Whether rows are held back for a calibration."""
        return self._calibrator is not None and self._calibrator.holds

    def rest(self) -> list[tuple[Pending, RowResult]]:
        """Rows that were held back for a calibration, judged now."""
        return self._calibrator.rest() if self._calibrator else []

    def ask(self, rows: list[Pending]) -> Asked:
        """Raises Stopped or Halt; then none of the rows is settled."""
        if rows[0].row.text is None:
            blank = replace(rows[0].result(self._model, None, None, "bad_input"), latency_ms=None)
            return Asked([(rows[0], replace(blank, model=None))], [])
        try:
            answer = self._caller.call(self.request(rows), rows)
        except AppError as error:
            asked = self.excuse(rows, error)
            if asked.pause_s:
                self._caller.wait(asked.pause_s)
            return asked
        return self.read(rows, answer)

    def request(self, rows: list[Pending]) -> Request:
        """The one request for these rows; BadInput when a picture cannot be read."""
        info, task, more = self._order.choice.info, self._order.spec.task, rows[0].more
        texts = [pending.row.text or "" for pending in rows]
        if len(rows) > 1:
            return pack(task, info, texts, more)
        picture = self._order.picture
        request = single(task, info, texts[0], picture and picture(rows[0].row.n), more)
        if self._order.spec.votes > 1:
            request = replace(request, temperature=VOTE_TEMPERATURE)
        return request

    def excuse(self, rows: list[Pending], error: AppError) -> Asked:
        """What a call that failed means for its rows; Halt when no other would go through."""
        if isinstance(error, BadInput):
            return self._refused(rows, error.code)
        if isinstance(error, BadReply) and not isinstance(error, Broke):
            return self._invalid(rows)
        if isinstance(error, HOPELESS):
            raise Halt(error) from error
        return self._unreachable(rows, error)

    def _refused(self, rows: list[Pending], code: str) -> Asked:
        """The provider will not take this; in a pack one row may spoil it for the others."""
        if len(rows) == 1:
            return self._failed(rows, code)
        return Asked([], _in_smaller_packs(rows))

    def _unreachable(self, rows: list[Pending], error: AppError) -> Asked:
        spent = self._count_repeat(rows)
        if spent and isinstance(error, NoConnection):
            raise Halt(error)
        left = [pending for pending in rows if pending not in spent]
        pause_s = backoff_s(left[0].repeats, error.retry_after_s) if left else 0.0
        code = "unreachable" if isinstance(error, Broke) else error.code
        return Asked(self._failed(spent, code).settled, left, pause_s)

    def _invalid(self, rows: list[Pending]) -> Asked:
        """No usable answer for these rows: once more, in smaller packs, then an error value."""
        if len(rows) > 1:
            return self._again(rows)
        rows[0].invalid += 1
        if rows[0].invalid >= INVALID_ASKS or self._count_repeat(rows):
            return self._failed(rows, "bad_reply")
        return Asked([], rows)

    def _again(self, rows: list[Pending]) -> Asked:
        spent = self._count_repeat(_in_smaller_packs(rows))
        left = [pending for pending in rows if pending not in spent]
        return Asked(self._failed(spent, "bad_reply").settled, left)

    def _count_repeat(self, rows: list[Pending]) -> list[Pending]:
        """Count one more call for each; returns the rows that may have no more."""
        for pending in rows:
            pending.repeats += 1
        return [row for row in rows if row.repeats > self._order.spec.max_retries]

    def _failed(self, rows: list[Pending], code: str) -> Asked:
        return Asked([(row, row.result(self._model, None, None, code)) for row in rows], [])

    def read(self, rows: list[Pending], answer: Answer) -> Asked:
        """What an answer means for the rows it was asked for."""
        if answer.receipt.finish is Finish.REFUSED:
            return self._refused(rows, "refused")
        for pending in rows:
            pending.more = answer.receipt.finish is Finish.LENGTH
        if len(rows) == 1:
            return self._read_one(rows[0], answer)
        ids = range(1, len(rows) + 1)
        labels = labels_of(answer.text, ids, self._names)
        found = [(row, labels.get(i)) for i, row in zip(ids, rows, strict=True)]
        settled = [(row, row.result(self._model, label, None)) for row, label in found if label]
        if left := [row for row, label in found if label is None]:
            rest = self._again(left)
            return Asked(settled + rest.settled, rest.again)
        return Asked(settled, [])

    def _read_one(self, pending: Pending, answer: Answer) -> Asked:
        if self._calibrator and answer.logprobs:
            return Asked(self._calibrator.take(pending, answer.logprobs[0]), [])
        label = None
        if answer.receipt.finish is not Finish.INCOMPLETE:
            label = label_of(answer.text, self._names)
        if label is None:
            return self._invalid([pending])
        pending.votes.append(label)
        if self._order.spec.votes == 1:
            sure = confidence_of(answer.logprobs)
        elif len(pending.votes) < self._order.spec.votes:
            pending.repeats = pending.invalid = 0  # the next vote is a call of its own
            return Asked([], [pending])
        else:
            label, sure = vote(pending.votes)
        return Asked([(pending, pending.result(self._model, label, sure))], [])


def _in_smaller_packs(rows: list[Pending]) -> list[Pending]:
    for pending in rows:
        pending.most = max(1, len(rows) // SMALLER)
    return rows
