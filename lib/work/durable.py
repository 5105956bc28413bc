"""Jobs on DBOS: what was begun goes on by itself, after a kill and on another machine too.

A run of a job is a workflow that puts its unfinished chunks on a queue; every chunk is a workflow
that any machine may take. DBOS remembers which of them are not through. It is a singleton of the
process, so this module holds one too.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, SetEnqueueOptions, SetWorkflowID

from lib.store.jobs import ACTIVE, Job
from lib.store.storage_errors import in_our_words
from lib.work.app import App
from lib.work.batch_sweep import Sweep
from lib.work.job_runs import JobRuns

log = logging.getLogger(__name__)

# Names of workflows, their arguments and this version are written into the database: with another
# version DBOS leaves unfinished work alone. Raise it only when old chunks cannot be taken on.
APPLICATION_VERSION = "1"
NAME, QUEUE, BATCH_QUEUE = "playground", "job-chunks", "batch-chunks"
CHUNKS_AT_ONCE = 4  # per job and machine: rows enough that no thread waits while one chunk ends
BATCH_CHUNKS_AT_ONCE = 10  # they wait for hours; with all their batches what Google keeps
POLL_S = 0.2
BEAT_S = 2.0
NOTICED_S = BEAT_S + 1.0
DEAD_AFTER_S = 10.0

_runs: JobRuns | None = None


class Durable:
    """Starts DBOS for this process; `close` ends it. Only one at a time in a process."""

    def __init__(self, app: App) -> None:
        global _runs
        self._app, self._shared = app, not app.database.is_sqlite
        # Alone, a machine keeps its name, and finds its own unfinished work again at the start.
        self.machine = secrets.token_hex(8) if self._shared else "local"
        self.runs = _runs = JobRuns(app)
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config = self._config()
        with in_our_words():
            _register_queue(config["system_database_url"] or "")
        if not self._shared:
            app.jobs.restart_clocks()
        elif self._beat() > 1:
            time.sleep(NOTICED_S)  # the others make room first: together they keep a job's bound
        with in_our_words():
            _launch(config)
        self.runs.watch()
        self._stuck: set[tuple[str, int]] = set()
        # The network gets a thread of its own: who does not beat for ten seconds counts as dead.
        for look in (self._look_around, Sweep(app, self.runs.closing).run):
            threading.Thread(target=self._repeat, args=(look,), daemon=True).start()

    def _take_up_stuck(self) -> None:
        """A running job that DBOS has nothing left to do for, twice in a row, begins anew with what
        it lacks: we died just before telling DBOS, or a chunk ended in a way nobody foresaw."""
        active = [job for job in self._app.jobs.all() if job.state in ACTIVE]
        stuck = {(job.id, job.run) for job in active if not self._busy(job)}
        for job, _ in stuck & self._stuck:
            if run := self._app.jobs.requeue(job, ACTIVE):
                self.start(job, run)
        self._stuck = stuck

    def _busy(self, job: Job) -> bool:
        known = DBOS.list_workflows(
            workflow_id_prefix=f"{job.id}.{job.run}", status=["PENDING", "ENQUEUED"], limit=1,
            load_input=False, load_output=False,
        )  # fmt: skip
        return bool(known)

    def start(self, job: str, run: int) -> None:
        """Begin a run; doing it twice begins it once."""
        with SetWorkflowID(f"{job}.{run}"):
            DBOS.start_workflow(job_run, job, run)

    def stop(self, job: str, run: int) -> None:
        """Ask no more rows of this run: at once here, within a second on other machines."""
        self.runs.stop(job, run)
        waiting = DBOS.list_queued_workflows(
            queue_name=[QUEUE, BATCH_QUEUE], workflow_id_prefix=f"{job}.{run}.", status="ENQUEUED",
            load_input=False,
        )  # fmt: skip
        if waiting:
            DBOS.cancel_workflows([one.workflow_id for one in waiting])

    def forget(self, job: str) -> None:
        """The job was deleted: DBOS need not remember its workflows."""
        known = DBOS.list_workflows(
            workflow_id_prefix=f"{job}.", load_input=False, load_output=False
        )
        if known:
            DBOS.delete_workflows([one.workflow_id for one in known])

    def close(self) -> None:
        self.runs.close()
        if self._shared:
            with contextlib.suppress(Exception):  # it would be found out in ten seconds anyway
                self._write(_LEAVES, {"id": self.machine})
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _config(self) -> DBOSConfig:
        url = self._app.database.engine.url
        if self._shared:
            address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        else:  # a file of its own: two writers of one file would wait for each other
            address = f"sqlite:///{url.database}.workflows"
        return {
            "name": NAME,
            "system_database_url": address,
            "application_version": APPLICATION_VERSION,
            "executor_id": self.machine,
            "log_level": "WARNING",
            "console_log_level": "WARNING",
        }

    def _look_around(self) -> None:
        if self._shared:
            self._beat()
            self._take_over()
        self._take_up_stuck()

    def _repeat(self, look: Callable[[], None]) -> None:
        while not self.runs.closing.wait(BEAT_S):
            try:
                look()
            except Exception as error:
                log.warning("no look around was possible: %s", type(error).__name__)

    def _beat(self) -> int:
        """Say that this machine lives, and share the jobs with the others that do; how many."""
        self._write(_BEAT, {"id": self.machine})
        living = sum(silent_s <= DEAD_AFTER_S for silent_s in self._silent_s().values())
        self.runs.share_with(living)
        return living

    def _take_over(self) -> None:
        """What machines that went silent were doing goes back to the queue, for all the others."""
        for machine, silent_s in self._silent_s().items():
            if silent_s > DEAD_AFTER_S:
                log.warning("machine %s is gone, its chunks go to the others", machine)
                # Public in earlier releases; safe to repeat: what lives on has another owner.
                DBOS._recover_pending_workflows([machine])
                self._write(_GONE, {"id": machine})

    def _silent_s(self) -> dict[str, float]:
        """Seconds since each machine's last sign, by the database's clock: theirs may differ."""
        with self._app.database.read() as connection:
            return {row.id: float(row.silent) for row in connection.execute(_SEEN)}

    def _write(self, statement: sa.TextClause, values: dict[str, str]) -> None:
        with self._app.database.write() as connection:
            connection.execute(statement, values)


def _launch(config: DBOSConfig) -> None:
    """All of DBOS or nothing of it: half of one counts as launched, and would be taken for it."""
    DBOS(config=config)
    try:
        DBOS.launch()
    except BaseException:
        DBOS.destroy()
        raise


def _register_queue(address: str) -> None:
    """Before the launch: a queue made after it is only noticed a second later."""
    DBOS.migrate(address)
    client = DBOSClient(system_database_url=address, application_name=NAME)
    try:
        for name, at_once in {QUEUE: CHUNKS_AT_ONCE, BATCH_QUEUE: BATCH_CHUNKS_AT_ONCE}.items():
            client.register_queue(
                name, partition_worker_concurrency=at_once, polling_interval_sec=POLL_S
            )
    finally:
        client.destroy()


@DBOS.workflow()
def job_run(job: str, run: int) -> None:
    """Queue what is left of a job."""
    assert _runs is not None
    chunks = DBOS.run_step({"name": "chunks"}, _runs.begin, job, run)
    for chunk in chunks:
        found = _runs.wanted(job, run)
        if not found:
            return
        queue = BATCH_QUEUE if found.spec.batch else QUEUE
        with SetWorkflowID(f"{job}.{run}.{chunk}"), SetEnqueueOptions(queue_partition_key=job):
            DBOS.enqueue_workflow(queue, job_chunk, job, run, chunk)
    if not chunks:
        _runs.finish(job, run)


@DBOS.workflow()
def job_chunk(job: str, run: int, chunk: int) -> None:
    """Ask what is left of a chunk."""
    assert _runs is not None
    if not _runs.run_chunk(job, run, chunk):
        raise _Ending


class _Ending(BaseException):
    """The process ends. No Exception, so that DBOS does not take it for the workflow's outcome:
    the chunk stays pending, and is taken up as after a kill."""


_BEAT = sa.text(
    "INSERT INTO machines (id, seen) VALUES (:id, EXTRACT(EPOCH FROM clock_timestamp()))"
    " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen"
)
_SEEN = sa.text("SELECT id, EXTRACT(EPOCH FROM clock_timestamp()) - seen AS silent FROM machines")
_LEAVES = sa.text("UPDATE machines SET seen = 0 WHERE id = :id")
_GONE = sa.text("DELETE FROM machines WHERE id = :id")
