"""The rows of a job's chunk, as those who ask them take them."""

from collections.abc import Collection
from dataclasses import asdict
from decimal import Decimal

from lib.core.task import RowResult
from lib.store.job_rows import Answered, Row, key_of
from lib.store.jobs import Job
from lib.work.app import App
from lib.work.tally import FREE, Pending


class ChunkRows:
    """`most` is how many rows may share a request."""

    def __init__(self, app: App, job: Job, chunk: int, most: int) -> None:
        self._app, self._job, self._chunk, self._most = app, job, chunk, most
        self._asked = asdict(job.spec.task) | {"votes": job.spec.votes}

    def all(self) -> dict[int, Pending]:
        """Every row by its number, finished or not; none when the job was deleted."""
        rows = self._app.job_rows.all(self._job.id, self._chunk)
        return {row.n: self._pending(row) for row in rows}

    def to_ask(self, but: Collection[int] = ()) -> list[Pending]:
        """Unfinished rows without those in `but`. What an earlier job has answered is settled."""
        left = self._app.job_rows.left(self._job.id, self._chunk)
        pending = [self._pending(row) for row in left if row.n not in but]
        if not self._job.spec.reuse:
            return pending
        known = self._app.job_rows.known([one.key for one in pending])
        reused = [one for one in pending if one.row.text is not None and one.key in known]
        if reused:
            model = self._job.model
            answered = [
                Answered(one.row, _again(model, *known[one.key]), one.key) for one in reused
            ]
            self._app.job_rows.store(self._job.id, answered)
        done = {one.row.n for one in reused}
        return [one for one in pending if one.row.n not in done]

    def _pending(self, row: Row) -> Pending:
        return Pending(row, key_of(self._job.model, self._asked, row.text or ""), self._most)


def _again(model: str, label: str, confidence: float | None) -> RowResult:
    """An answer that was paid for before."""
    return RowResult(label, confidence, None, model, FREE, Decimal(0))
