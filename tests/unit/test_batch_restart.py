"""Batch jobs and the end of a process: what waits at Google is collected by the next one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from lib.store.jobs import Job
from lib.work import batch_chunk, batch_send
from lib.work.app import App
from lib.work.jobs import JobDesk
from tests.fakes import FakeServer
from tests.unit.builders import running, wait_until
from tests.unit.crews import fresh
from tests.unit.test_job_runs import begin, ends, in_a_thread


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_chunk, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(batch_send, "FIND_EVERY_S", 0.02)
    monkeypatch.setattr(batch_send, "LISTED_S", 0.05)


@contextmanager
def process(fake: FakeServer, folder: Path) -> Iterator[tuple[App, JobDesk]]:
    """An app as a process has it; twice over one folder is a restart, once somebody wakes it."""
    with running(fake, folder, model_timeout_s=0.5) as app, closing(JobDesk(app)) as desk:
        yield app, desk


def sent(app: App, desk: JobDesk, text: str) -> Job:
    """A job of six rows that Google has."""
    job = begin(app, desk, 6, fresh(text), batch=True)
    assert wait_until(lambda: any(one.name for one in app.batches.open(job.id, 0)))
    return job


def check_goes_on(fake: FakeServer, folder: Path, job: Job, made: int) -> None:
    """A new process ends the job, and so many batches were made for it in all."""
    before = len(fake.batches.made)
    with process(fake, folder) as (app, desk):
        desk.wake()
        found = ends(app, job)

        assert (found.state, found.rows_done, found.calls) == ("done", 6, 6)
        assert found.cost_usd == sum(row["cost_usd"] for row in app.ledger.rows())
        assert len(fake.batches.made) - before == made


@in_a_thread
def test_a_restart_collects_what_was_sent(fake: FakeServer, tmp_path: Path) -> None:
    """Nothing is sent again, and closing does not wait for Google."""
    with process(fake, tmp_path) as (app, desk):
        job = sent(app, desk, "#takes=1")

    check_goes_on(fake, tmp_path, job, made=0)


@in_a_thread
def test_a_batch_whose_name_was_not_kept_is_found(fake: FakeServer, tmp_path: Path) -> None:
    """A kill just after Google took it: it is there under our own name, and not paid for twice."""
    with process(fake, tmp_path) as (app, desk):
        job = sent(app, desk, "#takes=0.5")
        desk.close()
        with app.database.write() as connection:
            connection.execute(sa.text("UPDATE batches SET state = 'sending', name = NULL"))

    check_goes_on(fake, tmp_path, job, made=0)


@in_a_thread
def test_a_batch_that_was_not_taken_is_sent(fake: FakeServer, tmp_path: Path) -> None:
    """Written down and turned away: the next process hands over the same batch."""
    with process(fake, tmp_path) as (app, desk):
        job = begin(app, desk, 6, fresh("#batch=rate_limited"), batch=True)
        assert wait_until(lambda: app.batches.open(job.id, 0))
        (batch,) = app.batches.open(job.id, 0)

    check_goes_on(fake, tmp_path, job, made=1)
    assert fake.batches.made[-1] == batch.id


@in_a_thread
def test_a_job_cancelled_while_nobody_looked_is_called_off(
    fake: FakeServer, tmp_path: Path
) -> None:
    """The next start cancels its batch at Google; what it may have cost stays reserved."""
    with process(fake, tmp_path) as (app, desk):
        job = sent(app, desk, "#batch=stuck")
        (batch,) = app.batches.open(job.id, 0)
    with process(fake, tmp_path) as (app, desk):
        app.jobs.move(job.id, ("running",), "cancelled")
        desk.wake()
        assert wait_until(lambda: not app.batches.any_open(), 10)

        assert batch.id in fake.batches.cancelled
        assert all(row["total_ms"] is not None for row in app.ledger.rows())
        assert app.ledger.month().reserved_usd > 0
