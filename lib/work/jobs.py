"""The verbs of classification jobs: create, look, pause, resume, cancel, retry, delete."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO

from lib.core.comparison import Comparison, compare
from lib.core.errors import BadInput, NotConfigured, OverBudget
from lib.core.evaluation import Evaluation, evaluate
from lib.core.reliability import Reliability, reliability
from lib.core.spec import Spec
from lib.core.task import RowResult
from lib.store.disk import temporary_file, while_room
from lib.store.jobs import ACTIVE, Job, State
from lib.store.ledger import new_id
from lib.store.result_files import write_results
from lib.store.row_files import Table, open_table
from lib.work.app import App
from lib.work.job_checks import check_job, check_price, chunk_rows
from lib.work.manifest import made_with
from lib.work.rows_to_ask import rows_to_ask

RESUMABLE: tuple[State, ...] = ("paused", "over_budget", "failed")


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row's number in the file, from 1, its cells by column, and what it got."""

    number: int
    cells: dict[str, str | None]
    result: RowResult


class JobDesk:
    """Jobs as people and programs handle them. DBOS starts with the first job, not before."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock, self._creating = threading.Lock(), threading.Lock()
        self._durable: Any = None
        self._closed = False

    def wake(self) -> None:
        """At the start of the process: go on with what is unfinished."""
        unfinished = any(job.state in ACTIVE for job in self._app.jobs.all())
        if unfinished or self._app.batches.any_open() or not self._app.database.is_sqlite:
            self._engine()

    def create(self, upload: str, name: str, asked: Spec) -> Job:
        """A job for an uploaded file, which is read to its end first; it starts at once."""
        choice = self._app.models.find_listed(asked.model)
        table = open_table(self._app.uploads.path(upload), asked.sheet)
        check_job(self._app, choice.info, asked, table)
        job, size = new_id(), chunk_rows(choice.info, asked)
        try:
            rows = self._app.job_rows.add(job, rows_to_ask(table, asked), size)
            self._app.uploads.keep(upload)
            made = made_with(self._app, asked, choice.info, table)
            self._app.jobs.add(job, name, upload, asked, choice.info.id, rows, made)
            self._engine().start(job, 1)
        except BaseException:
            self._app.jobs.delete(job)
            raise
        return self._app.jobs.get(job)

    def create_once(self, upload: str, name: str, asked: Spec) -> Job:
        """As `create`, but the same question about the same upload is one job, however often and
        from how many tabs somebody clicks."""
        with self._creating:
            same = (j for j in self._app.jobs.all() if j.upload == upload and j.spec == asked)
            return next(same, None) or self.create(upload, name, asked)

    def discard(self, upload: str) -> None:
        """Delete an uploaded file, unless a job has it."""
        if not any(job.upload == upload for job in self._app.jobs.all()):
            self._app.uploads.delete(upload)

    def pause(self, job_id: str) -> Job:
        """Let calls under way finish and make no others."""
        return self._stop(self._app.jobs.get(job_id), "paused", ACTIVE, "pause")

    def cancel(self, job_id: str) -> Job:
        """End it for good; the rows it has stay."""
        return self._stop(self._app.jobs.get(job_id), "cancelled", (*ACTIVE, *RESUMABLE), "cancel")

    def resume(self, job_id: str, budget_usd: Decimal | None = None) -> Job:
        """Go on where it stopped; `budget_usd` is the new total for the whole job."""
        job = self._app.jobs.get(job_id)
        if budget_usd is not None and budget_usd <= job.spent_usd:
            raise BadInput(f"budget_usd: ${job.spent_usd} are spent already; give more than that.")
        if job.state == "over_budget" and budget_usd is None and job.budget_usd is not None:
            raise OverBudget(
                f"${job.spent_usd} of this job's budget of ${job.budget_usd} are spent.",
                hint="Resume it with a larger budget_usd.",
            )
        check_price(self._app, self._app.models.find(job.model).info, job.spec, budget_usd)
        return self._run_again(job, RESUMABLE, "resume", budget_usd)

    def retry(self, job_id: str) -> Job:
        """Ask the failed rows of a finished job again."""
        job = self._app.jobs.get(job_id)
        if job.state != "done":
            raise _does_not_fit("retry", job)
        if not job.rows_failed:
            return job
        return self._run_again(job, ("done",), "retry", failed=True)

    def delete(self, job_id: str) -> None:
        """The job with its file, rows and results; one that runs is stopped first."""
        job = self._app.jobs.get(job_id)
        if job.state in ACTIVE:
            self._stop(job, "cancelled", ACTIVE, "cancel")
        elif job.spec.batch:
            self._engine()  # calls its batches off
        self._app.jobs.delete(job.id)
        self._app.batches.forget()
        self.discard(job.upload)
        if self._durable:
            self._durable.forget(job.id)

    def evaluation(self, job_id: str) -> Evaluation:
        """How right it was, over the finished rows whose gold is one of the labels."""
        job = self._app.jobs.get(job_id)
        if job.spec.gold_column is None:
            raise BadInput("gold_column: this job has none, so there is nothing to compare with.")
        counts = self._app.job_rows.counts(job.id)
        return evaluate(job.spec.task.names, counts, job.cost_usd, job.rows_total)

    def compare(self, a: str, b: str) -> Comparison:
        """Two jobs over the same rows; which is which stays in the order given."""
        first, second = self._app.jobs.get(a), self._app.jobs.get(b)
        names = dict.fromkeys((*first.spec.task.names, *second.spec.task.names))
        return compare(self._app.job_rows.pairs(a, b), tuple(names))

    def reliability(self, job_id: str) -> Reliability:
        """How often it is right at each confidence, where both are known."""
        return reliability(self._app.job_rows.sureness(self._app.jobs.get(job_id).id))

    def rows(self, job_id: str, where: Mapping[str, str | None], most: int) -> list[JudgedRow]:
        """Finished rows whose `gold`, `label` or `error` is the given one, in the file's order."""
        job = self._app.jobs.get(job_id)
        found = self._app.job_rows.where(job.id, where, most)
        table, shown = self.table(job), []
        with closing(table.rows(range(len(table.columns)))) as rows:
            for n, cells in enumerate(islice(rows, max(found, default=-1) + 1)):
                if n in found:
                    texts = dict(zip(table.columns, map(table.text, cells), strict=True))
                    shown.append(JudgedRow(n + 1, texts, found[n]))
        return shown

    def manifest(self, job_id: str) -> dict[str, Any]:
        """What the results were made with: enough to make them again."""
        job = self._app.jobs.get(job_id)
        counts = {
            "rows_total": job.rows_total, "rows_done": job.rows_done, "calls": job.calls,
            "rows_failed": job.rows_failed, "runs": job.run, "state": job.state,
            "usage": asdict(job.usage), "created": job.created, "finished": job.finished,
            "cost_usd": None if job.cost_usd is None else str(job.cost_usd),
        }  # fmt: skip
        asked = job.spec.as_json()
        return {"job_id": job.id, "name": job.name, "spec": asked, **job.manifest, "counts": counts}

    def results(self, job_id: str, form: str) -> BinaryIO:
        """The input and what came of it, as a file without a name: closing it ends it.

        Raises StorageFailed when the disk has no room for it.
        """
        job = self._app.jobs.get(job_id)
        with temporary_file(f".{form}") as file:
            results = self._app.job_rows.results(job.id, job.rows_total)
            write_results(self.table(job), while_room(results, file.parent), form, file)
            return file.open("rb")

    def table(self, job: Job) -> Table:
        """The job's file, to be read again."""
        return open_table(self._app.uploads.path(job.upload), job.spec.sheet)

    def begin_closing(self) -> None:
        """The process ends: no further call is begun."""
        if self._durable:
            self._durable.runs.begin_closing()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._durable:
                self._durable.close()

    def _engine(self) -> Any:
        with self._lock:
            if self._closed:
                raise NotConfigured("This server is ending.", hint="Send it again in a moment.")
            if self._durable is None:
                from lib.work.durable import Durable  # half a second that not every start needs

                self._durable = Durable(self._app)
            return self._durable

    def _stop(self, job: Job, to: State, come_from: Iterable[State], verb: str) -> Job:
        if not self._app.jobs.move(job.id, come_from, to):
            now = self._app.jobs.get(job.id)
            if now.state == to:  # stopping it twice is no mistake
                return now
            raise _does_not_fit(verb, now)
        if job.state in ACTIVE or job.spec.batch:
            self._engine().stop(job.id, job.run)
        return self._app.jobs.get(job.id)

    def _run_again(
        self,
        job: Job,
        come_from: Iterable[State],
        verb: str,
        budget_usd: Decimal | None = None,
        failed: bool = False,
    ) -> Job:
        run = self._app.jobs.requeue(job.id, come_from, budget_usd, failed)
        if run is None:
            raise _does_not_fit(verb, self._app.jobs.get(job.id))
        self._engine().start(job.id, run)
        return self._app.jobs.get(job.id)


def _does_not_fit(verb: str, job: Job) -> BadInput:
    message = f"A job that is {job.state.replace('_', ' ')} cannot {verb}."
    return BadInput(message, hint="Look at its state first: GET /api/jobs/{job_id}.")
