"""What this machine does for the jobs that run: chunks of rows come in, results go to the store."""

import logging
import random
import threading
import time
from dataclasses import dataclass
from functools import partial

from lib.core.chat import Media
from lib.core.errors import AppError, BadReply, Busy, NotFound, OverBudget, StorageFailed
from lib.core.task import RowResult
from lib.store.job_rows import Answered
from lib.store.jobs import ACTIVE, Job, State
from lib.store.row_files import Table, open_table
from lib.work.app import App
from lib.work.batch_chunk import BatchChunk
from lib.work.caller import Order, fit_spec
from lib.work.chunk_rows import ChunkRows
from lib.work.crew import Crew
from lib.work.pictures import read_picture
from lib.work.tally import Pending

log = logging.getLogger(__name__)

# Calls in flight when the spec does not say. A local model serves few at once: Ollama one by
# default, the embedded one four.
CONCURRENCY = {"gemini": 32, "vllm": 32, "ollama": 4, "embedded": 4}
LOOK_EVERY_S = 0.5  # how soon a pause on another machine is noticed
LET_FINISH_S = 4.0  # at the end of the process, before calls under way are broken off


@dataclass(frozen=True, slots=True)
class Crewed:
    run: int
    concurrency: int
    crew: Crew


class JobRuns:
    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._crews: dict[str, Crewed] = {}
        self._machines = 1
        self.closing = threading.Event()

    def watch(self) -> None:
        """Begin to look after the crews; ends with `close`."""
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, job: str, run: int) -> list[int]:
        """The job runs from now on; the chunks it has left."""
        self._app.jobs.begin(job, run)
        return self._app.job_rows.unfinished(job)

    def finish(self, job: str, run: int) -> None:
        self._app.jobs.finish(job, run)

    def wanted(self, job_id: str, run: int) -> Job | None:
        """The job, if this is still its run and it is to go on."""
        try:
            job = self._app.jobs.get(job_id)
        except NotFound:
            return None
        return job if job.run == run and job.state in ACTIVE else None

    def run_chunk(self, job_id: str, run: int, chunk: int) -> bool:
        """Ask what is left of a chunk; False: this process is ending, another one must do it."""
        job = self.wanted(job_id, run)
        if job is None:
            return True
        if self.closing.is_set():
            return False
        try:
            crew = self._crew(job)
            if crew is None:
                return True
            complete = self._ask(job, chunk, crew)
        except AppError as error:
            return self._end(job, error)
        except Exception as error:
            # The kind only: the text may hold a row. Resuming takes the job up again.
            log.error("a chunk failed unforeseen: %s", type(error).__name__)
            return self._end(job, BadReply("Something in this app went wrong."))
        if crew.error:
            return self._end(job, crew.error)
        if complete:
            self._app.jobs.finish(job.id, run)
        return complete or not self.closing.is_set()

    def stop(self, job: str, run: int) -> None:
        """No further call for this run here; those under way are finished and kept."""
        with self._lock:
            found = self._crews.get(job)
        if found and found.run <= run:
            found.crew.stop()

    def share_with(self, machines: int) -> None:
        """So many machines work on the jobs: each takes its part of a job's concurrency."""
        with self._lock:
            self._machines = max(1, machines)
            crews = list(self._crews.values())
        for one in crews:
            one.crew.resize(self._part(one.concurrency))

    def begin_closing(self) -> None:
        """The process ends: no further call for any job; those under way may finish."""
        self.closing.set()
        for crew in self._all():
            crew.stop()

    def close(self) -> None:
        """Wait a little for calls under way, all of them together, then break them off."""
        self.begin_closing()
        until = time.monotonic() + LET_FINISH_S
        for crew in self._all():
            if not crew.wait_idle(max(0.0, until - time.monotonic())):
                crew.hang_up()
        for crew in self._all():
            crew.wait_idle(0.2)

    def _all(self) -> list[Crew]:
        with self._lock:
            return [one.crew for one in self._crews.values()]

    def _end(self, job: Job, error: AppError) -> bool:
        if isinstance(error, Busy | StorageFailed):
            raise error  # this could not be stored either; later a new run begins by itself
        state: State = "over_budget" if isinstance(error, OverBudget) else "failed"
        self._app.jobs.move(job.id, ACTIVE, state, error, job.run)
        return True

    def _part(self, concurrency: int) -> int:
        return max(1, concurrency // self._machines)

    def _crew(self, job: Job) -> Crew | None:
        """The crew of this run, None when there is a later run already; the last calls of the run
        before come home first."""
        order = None
        while True:
            with self._lock:
                found = self._crews.get(job.id)
                if found is None and order is not None:
                    wanted = job.spec.concurrency or CONCURRENCY[order.choice.info.provider]
                    crew = Crew(order, self._part(wanted), partial(self._settle, job.id))
                    found = self._crews[job.id] = Crewed(job.run, wanted, crew)
            if found is None:
                order = self._order(job)
                continue
            if found.run >= job.run:
                return found.crew if found.run == job.run else None
            found.crew.stop()
            found.crew.wait_idle(self._app.settings.model_timeout_s)
            self._forget(job.id, found)

    def _forget(self, job: str, crewed: Crewed) -> None:
        with self._lock:
            if self._crews.get(job) is crewed:
                del self._crews[job]

    def _order(self, job: Job) -> Order:
        choice = self._app.models.find(job.model)
        picture = None
        asked = fit_spec(job.spec, choice.info)
        if job.manifest["file"]["kind"] == "zip":
            picture = partial(_picture, open_table(self._app.uploads.path(job.upload)))
        keep = partial(self._app.jobs.keep_centre, job.id)
        return Order(self._app, choice, asked, "job", job.id, picture, job.centre, keep)

    def _ask(self, job: Job, chunk: int, crew: Crew) -> bool:
        """Whether all rows of a chunk were settled."""
        rows = ChunkRows(self._app, job, chunk, crew.rows_per_request)
        if job.spec.batch:
            return BatchChunk(crew, rows, job, chunk).run()
        pending = rows.to_ask()
        if crew.calibrates:  # on the rows that come first, and files are often sorted
            random.Random(job.id).shuffle(pending)
        return crew.run(pending)

    def _settle(self, job: str, settled: list[tuple[Pending, RowResult]]) -> None:
        answered = [Answered(pending.row, result, pending.key) for pending, result in settled]
        self._app.job_rows.store(job, answered)

    def _watch(self) -> None:
        """Stop what was paused, cancelled or deleted, by whomever; forget what has ended."""
        while not self.closing.wait(LOOK_EVERY_S):
            with self._lock:
                crews = dict(self._crews)
            if not crews:
                continue
            try:
                self._stop_unwanted(crews)
            except Exception as error:  # the database may be back in half a second
                log.warning("the jobs' states are not known: %s", type(error).__name__)

    def _stop_unwanted(self, crews: dict[str, Crewed]) -> None:
        states = self._app.jobs.states(crews)
        for job, one in crews.items():
            state, run = states.get(job, ("cancelled", 0))
            if state not in ACTIVE or run != one.run:
                one.crew.stop()
                if one.crew.wait_idle(0):
                    self._forget(job, one)


def _picture(table: Table, n: int) -> Media:
    return read_picture(table.picture(n))
