"""A batch as it ends: what its calls came to and what its rows got, stored in one go."""

from collections.abc import Mapping

from lib.core.batch import BatchAnswer
from lib.core.chat import Done, Finish
from lib.core.errors import AppError
from lib.core.heard import clean, plausible
from lib.core.prices import BATCH
from lib.core.task import RowResult
from lib.store.batches import Batch, End
from lib.store.job_rows import Answered
from lib.store.ledger import Outcome
from lib.work.app import App
from lib.work.caller import Answer
from lib.work.meter import Receipt, api_cost
from lib.work.models import Choice
from lib.work.tally import NOTHING, UNKNOWN, Pending, charge, counts_of


class Ending:
    """Gathers how a batch's calls ended until `store`; `rows` are its chunk's, by number."""

    def __init__(self, app: App, batch: Batch, rows: Mapping[int, Pending]) -> None:
        self._app, self._batch = app, batch
        self._rows = {n: rows[n] for n in batch.rows if n in rows}
        # From its sending until it was taken in: nobody tells when Google answered which request.
        self._ms = app.batches.age_s(batch) * 1000
        self._calls: dict[str, Outcome] = {}

    def rows_of(self, call: str) -> list[Pending]:
        return [self._rows[n] for n in self._batch.calls[call] if n in self._rows]

    def answered(self, choice: Choice, call: str, answer: BatchAnswer) -> Answer:
        """A call that was answered."""
        finish, usage, version = answer.finish, plausible(answer.usage), clean(answer.version)
        cost = api_cost(self._app, choice.info.name, usage, Done(finish, version, BATCH))
        self._calls[call] = Outcome(
            finish, usage, cost, total_ms=self._ms, version=version, tier=BATCH
        )
        charge(self.rows_of(call), counts_of(usage, cost), self._ms)
        receipt = Receipt(choice.info.id, finish, usage, cost, None, self._ms, None, version, BATCH)
        return Answer(answer.text, (), receipt)

    def failed(self, call: str, error: AppError) -> None:
        """A call that failed: it keeps its reservation, unless it surely was not charged."""
        free = error.costs_nothing
        self._calls[call] = Outcome(
            Finish.ERROR, released=free, error=error.code, total_ms=self._ms, tier=BATCH
        )
        charge(self.rows_of(call), NOTHING if free else UNKNOWN, self._ms)

    def store(self, state: End, settled: list[tuple[Pending, RowResult]]) -> bool:
        """Store it all, also what rows took that are not settled, which then begin anew.

        False: somebody else ended the batch before, and nothing is stored.
        """
        done = {pending.row.n for pending, _ in settled}
        left = [one for n, one in self._rows.items() if n not in done and one.counts != NOTHING]
        got = settled + [(one, one.result("", None, None)) for one in left]
        rows = [Answered(pending.row, result, pending.key) for pending, result in got]
        if not self._app.batches.end(self._batch, state, self._calls, rows):
            return False
        for one in left:
            one.counts, one.latency_ms = NOTHING, 0.0
        return True


def give_up(
    app: App, batch: Batch, rows: Mapping[int, Pending], error: AppError, state: End
) -> bool:
    """A batch that will not be answered: its calls end, its rows stay unasked.

    False: somebody else ended it before.
    """
    ending = Ending(app, batch, rows)
    for call in batch.calls:
        ending.failed(call, error)
    return ending.store(state, [])
