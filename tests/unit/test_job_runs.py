"""Runs of jobs that come in each other's way, with the real engine in front of the fake."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS

from lib.core import spec
from lib.core.task import RowResult
from lib.store.jobs import ACTIVE, Job
from lib.work.app import App
from lib.work.jobs import JobDesk
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, running, wait_until


def in_a_thread(test: Callable[..., None]) -> Callable[..., None]:
    """As in the product: DBOS refuses a thread with an event loop; Playwright leaves one here."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(test, **given).result()

    return run


@pytest.fixture
def desk(app: App) -> Iterator[JobDesk]:
    made = JobDesk(app)
    yield made
    made.close()


def begin(app: App, desk: JobDesk, rows: int, text: str = "", **asked: Any) -> Job:
    upload, path = app.uploads.new()
    path.write_text("text\n" + "".join(f"row {i} good {text}\n" for i in range(rows)))
    given = {"text_column": "text", "labels": ["good", "bad"], "model": GEMINI, "concurrency": 4}
    return desk.create(upload, "rows.csv", spec.parse(given | asked))


def ends(app: App, job: Job, timeout_s: float = 30) -> Job:
    assert wait_until(lambda: app.jobs.get(job.id).state not in ACTIVE, timeout_s)
    return app.jobs.get(job.id)


@in_a_thread
def test_a_late_stop_of_one_run_does_not_stop_the_next(app: App, desk: JobDesk) -> None:
    """Whoever paused it may come to stopping its threads after somebody resumed it."""
    job = begin(app, desk, 40, "#slow=0.05")
    desk.pause(job.id)
    desk.resume(job.id)
    wait_until(lambda: app.jobs.get(job.id).rows_done > 4)
    desk._engine().stop(job.id, 1)
    found = ends(app, job)

    assert (found.state, found.rows_done, found.run) == ("done", 40, 2)


@in_a_thread
def test_a_chunk_of_an_old_run_leaves_the_new_run_alone(app: App, desk: JobDesk) -> None:
    job = begin(app, desk, 40, "#slow=0.05")
    desk.pause(job.id)
    desk.resume(job.id)
    runs = desk._engine().runs
    wait_until(lambda: app.jobs.get(job.id).rows_done > 4)

    assert runs._crew(job) is None
    assert ends(app, job).state == "done"


@in_a_thread
def test_a_job_that_nobody_works_on_is_taken_up_again(app: App, desk: JobDesk) -> None:
    """As when its last chunk ended in a way nobody foresaw."""
    job = begin(app, desk, 6)
    ends(app, job)
    app.jobs.requeue(job.id, ("done",))
    app.jobs.begin(job.id, 2)

    assert wait_until(lambda: app.jobs.get(job.id).state == "done", 15)


@in_a_thread
def test_a_paused_job_leaves_no_chunks_in_the_next_runs_way(app: App, desk: JobDesk) -> None:
    """Neither those that were queued already nor those its workflow would still have queued."""
    job = begin(app, desk, 60_000, "#slow=0.05", concurrency=8)
    wait_until(lambda: app.jobs.get(job.id).state == "running")
    desk.pause(job.id)
    assert wait_until(lambda: DBOS.get_workflow_status(f"{job.id}.1").status == "SUCCESS", 30)
    late = DBOS.list_queued_workflows(workflow_id_prefix=f"{job.id}.1.", status="ENQUEUED")

    assert len(late) <= 1  # the one that was being queued while the pause was written


@in_a_thread
def test_packs_reach_the_calls_at_once_that_were_asked_for(tmp_path: Path) -> None:
    """The fake answers nobody before a hundred calls are there at once."""
    with FakeServer(gather=100) as fake, running(fake, tmp_path) as app:
        desk = JobDesk(app)
        job = begin(app, desk, 10_000, concurrency=100, rows_per_request=100)
        found = ends(app, job, 60)
        desk.close()

    assert (found.state, found.calls, fake.max_in_flight) == ("done", 100, 100)


@in_a_thread
def test_a_deleted_job_leaves_nothing_behind(app: App, desk: JobDesk) -> None:
    job = begin(app, desk, 6)
    ends(app, job)
    path = app.uploads.path(job.upload)
    desk.delete(job.id)

    assert not path.exists()
    assert app.job_rows.counts(job.id) == {}
    assert all(one == RowResult() for one in app.job_rows.results(job.id, 3))


@in_a_thread
def test_a_file_that_another_job_uses_is_kept(app: App, desk: JobDesk) -> None:
    first = begin(app, desk, 4)
    second = desk.create(first.upload, "again.csv", first.spec)
    ends(app, first)
    ends(app, second)
    desk.delete(first.id)

    with desk.results(second.id, "csv") as file:
        assert file.read().count(b"\n") == 5


@in_a_thread
def test_equal_rows_are_one_call_however_many(app: App, desk: JobDesk) -> None:
    upload, path = app.uploads.new()
    path.write_text("text\n" + "the same good row\n" * 100_000)
    given = {"text_column": "text", "labels": ["good", "bad"], "model": GEMINI}
    found = ends(app, desk.create(upload, "same.csv", spec.parse(given)))

    assert (found.state, found.rows_done, found.calls) == ("done", 100_000, 1)
