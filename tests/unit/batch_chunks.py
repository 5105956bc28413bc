"""A chunk of a batch job without the engine of jobs: what the tests of batches share."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from lib.core.chat import Media
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.job_rows import Answered
from lib.store.jobs import Job
from lib.work import batch_chunk, batch_send
from lib.work.app import App
from lib.work.batch_chunk import BatchChunk
from lib.work.caller import Order
from lib.work.chunk_rows import ChunkRows
from lib.work.crew import Crew
from lib.work.tally import Pending
from tests.unit.builders import GEMINI

_numbers = itertools.count(1)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of a Batch API, a hundred times as fast."""
    monkeypatch.setattr(batch_chunk, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(batch_chunk, "LONGEST_LOOK_S", 0.2)
    monkeypatch.setattr(batch_send, "FIND_EVERY_S", 0.02)
    monkeypatch.setattr(batch_send, "LISTED_S", 0.05)


class Chunk:
    """A running job of one chunk, whose rows are these texts; `ask` asks them in this thread."""

    def __init__(
        self,
        app: App,
        *texts: str,
        picture: Callable[[int], Media] | None = None,
        **asked: Any,
    ) -> None:
        self._app, self.id = app, f"job {next(_numbers)}"
        spec = parse({"labels": ["good", "bad"], "batch": True, **asked})
        app.job_rows.add(self.id, [(text, None) for text in texts], len(texts))
        app.jobs.add(self.id, "rows.csv", "upload", spec, GEMINI, len(texts), {})
        app.jobs.begin(self.id, 1)
        choice = app.models.find(GEMINI)
        order = Order(app, choice, spec, "job", self.id, picture)
        self.crew = Crew(order, 4, self._settle)

    @property
    def job(self) -> Job:
        return self._app.jobs.get(self.id)

    @property
    def rows(self) -> dict[int, Pending]:
        return ChunkRows(self._app, self.job, 0, 1).all()

    @property
    def labels(self) -> list[str | None]:
        return [one.label for one in self._app.job_rows.results(self.id, self.job.rows_total)]

    def asking(self) -> BatchChunk:
        """Who takes up what is there of it, as after a resume."""
        rows = ChunkRows(self._app, self.job, 0, self.crew.rows_per_request)
        return BatchChunk(self.crew, rows, self.job, 0)

    def ask(self) -> bool:
        return self.asking().run()

    def _settle(self, settled: list[tuple[Pending, RowResult]]) -> None:
        answered = [Answered(pending.row, result, pending.key) for pending, result in settled]
        self._app.job_rows.store(self.id, answered)
