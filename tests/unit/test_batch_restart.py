"""Batch jobs and the end of a process: what waits at Google is collected by the next one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lib.store.jobs import Job
from lib.work import durable
from lib.work.app import App
from lib.work.jobs import JobDesk
from tests.fakes import FakeServer
from tests.unit.batch_chunks import quick
from tests.unit.builders import running, wait_until
from tests.unit.crews import fresh
from tests.unit.test_job_runs import begin, ends, in_a_thread


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


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


@in_a_thread
def test_a_restart_collects_what_was_sent(fake: FakeServer, tmp_path: Path) -> None:
    """Nothing is sent again, and closing does not wait for Google."""
    with process(fake, tmp_path) as (app, desk):
        job = sent(app, desk, "#takes=1")

    made = len(fake.batches.made)
    with process(fake, tmp_path) as (app, desk):
        desk.wake()
        found = ends(app, job)

        assert (found.state, found.rows_done, found.calls) == ("done", 6, 6)
        assert found.cost_usd == sum(row["cost_usd"] for row in app.ledger.rows())
    assert len(fake.batches.made) == made


@in_a_thread
def test_a_job_cancelled_while_nobody_looked_is_called_off(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start cancels its batch at Google; what it may have cost stays reserved."""
    with process(fake, tmp_path) as (app, desk):
        job = sent(app, desk, "#batch=stuck")
        (batch,) = app.batches.open(job.id, 0)
    monkeypatch.setattr(durable, "BEAT_S", 0.1)
    with process(fake, tmp_path) as (app, desk):
        app.jobs.move(job.id, ("running",), "cancelled")
        desk.wake()
        assert wait_until(lambda: not app.batches.any_open(), 10)

        assert batch.id in fake.batches.cancelled
        assert all(row["total_ms"] is not None for row in app.ledger.rows())
        assert app.ledger.month().reserved_usd > 0
