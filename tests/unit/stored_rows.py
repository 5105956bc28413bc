"""Rows of a job in a database, and what they get, without a model."""

from decimal import Decimal
from typing import Any, get_args

from lib.core.chat import Usage
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.database import Database
from lib.store.job_rows import Answered, JobRows, Row
from lib.store.jobs import Job, Jobs, State

MODEL = "vllm/x"


class Stored:
    """A job with its rows, texts or (text, gold); `store((n, result), …)` stores what rows got."""

    def __init__(self, database: Database, texts: Any, size: int = 100, job: str = "j1") -> None:
        self.id, self.rows, self._jobs = job, JobRows(database), Jobs(database)
        pairs = [text if isinstance(text, tuple) else (text, None) for text in texts]
        self.total = self.rows.add(job, iter(pairs), size)
        asked = parse({"labels": ["spam", "ham"]})
        self._jobs.add(job, "file.csv", "upload", asked, MODEL, self.total, {})

    @property
    def record(self) -> Job:
        return self._jobs.get(self.id)

    @property
    def left(self) -> dict[int, Row]:
        chunks = self.rows.unfinished(self.id)
        return {row.n: row for chunk in chunks for row in self.rows.left(self.id, chunk)}

    @property
    def results(self) -> list[RowResult]:
        return list(self.rows.results(self.id, self.total))

    def retry(self) -> None:
        self._jobs.requeue(self.id, get_args(State), failed=True)

    def store(self, *found: tuple[int, RowResult]) -> None:
        left = self.left
        rows = [(left[n], result) for n, result in found]
        self.rows.store(self.id, [Answered(row, one, f"key of {row.text}") for row, one in rows])


def got(label: str | None = "spam", error: str | None = None, cost: str = "0.001") -> RowResult:
    return RowResult(label, 0.5, error, MODEL, Usage(10, 2, 1, 4), Decimal(cost), 40.0)
