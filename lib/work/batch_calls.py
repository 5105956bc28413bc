"""The calls of a batch as they end: closed in the ledger, and charged to the rows they were for."""

from collections.abc import Iterable, Mapping

from lib.core.batch import BatchAnswer
from lib.core.chat import Done, Finish
from lib.core.errors import AppError
from lib.core.prices import BATCH
from lib.store.batches import Batch, End
from lib.store.job_rows import Answered
from lib.store.ledger import Outcome
from lib.work.app import App
from lib.work.caller import Answer
from lib.work.meter import Receipt, api_cost
from lib.work.models import Choice
from lib.work.tally import NOTHING, UNKNOWN, Pending, charge, counts_of


def close_answered(
    app: App, choice: Choice, call: str, answer: BatchAnswer, rows: list[Pending], ms: float
) -> Answer:
    """A call that was answered, `ms` after its batch was sent."""
    done = Done(answer.finish, answer.version, BATCH)
    cost = api_cost(app, choice.info.name, answer.usage, done)
    outcome = Outcome(
        answer.finish, answer.usage, cost, total_ms=ms, version=answer.version, tier=BATCH
    )
    app.ledger.close(call, outcome)
    charge(rows, counts_of(answer.usage, cost), ms)
    receipt = Receipt(
        choice.info.id, answer.finish, answer.usage, cost, None, ms, None, answer.version, BATCH
    )
    return Answer(answer.text, (), receipt)


def close_failed(app: App, call: str, error: AppError, rows: list[Pending], ms: float) -> None:
    """A call that failed: it keeps its reservation, unless it surely was not charged."""
    free = error.costs_nothing
    outcome = Outcome(Finish.ERROR, released=free, error=error.code, total_ms=ms, tier=BATCH)
    app.ledger.close(call, outcome)
    charge(rows, NOTHING if free else UNKNOWN, ms)


def give_up(
    app: App, batch: Batch, rows: Mapping[int, Pending], error: AppError, state: End
) -> None:
    """A batch that will not be answered: its calls end, its rows stay unasked."""
    ms = (app.batches.now() - batch.created) * 1000
    for call, numbers in batch.calls.items():
        close_failed(app, call, error, [rows[n] for n in numbers if n in rows], ms)
    if not error.costs_nothing:
        _note(app, batch, (rows[n] for n in batch.rows if n in rows))
    app.batches.end(batch.id, state)


def _note(app: App, batch: Batch, rows: Iterable[Pending]) -> None:
    """That nobody knows what these rows took so far."""
    took = [Answered(one.row, one.result("", None, None), one.key) for one in rows]
    if took:
        app.job_rows.store(batch.job, took)
