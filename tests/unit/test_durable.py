"""An engine of jobs that could not start is gone altogether: the next one starts as if first."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from dbos._sys_db import SystemDatabase
from sqlalchemy.exc import OperationalError

from lib.core.errors import Busy, StorageFailed
from lib.providers.gemini_batch import GeminiBatch
from lib.store.database import Database
from lib.work import durable
from lib.work.app import App
from lib.work.durable import Durable
from lib.work.jobs import JobDesk
from tests.fakes import FakeServer
from tests.faults.conftest import BUSY_S, kept
from tests.unit.batch_chunks import Chunk
from tests.unit.builders import CENT, GEMINI, running, silent_server, wait_until
from tests.unit.test_job_runs import begin, ends, in_a_thread


@pytest.fixture
def app(fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """One whose writers do not wait long."""
    monkeypatch.setattr("lib.work.app.Database", partial(Database, busy_s=BUSY_S))
    with running(fake, tmp_path) as app:
        yield app


def check_it_is_gone(before: set[threading.Thread], app: App) -> None:
    assert wait_until(lambda: set(threading.enumerate()) <= before)
    with closing(JobDesk(app)) as desk:
        found = ends(app, begin(app, desk, 6))
    assert (found.state, found.rows_done) == ("done", 6)


@in_a_thread
def test_a_start_beside_somebody_elses_long_transaction(app: App) -> None:
    """Busy is said, no thread of the engine goes on behind it, and a later start does the work."""
    before = set(threading.enumerate())
    with kept(str(app.database.engine.url)), pytest.raises(Busy):
        Durable(app)

    check_it_is_gone(before, app)


@in_a_thread
def test_a_start_that_loses_its_own_database(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBOS counts as launched from its first step on; half of it must not be taken for all. What
    its database said comes in our words, so that whoever wakes the jobs tries again."""

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("", {}, psycopg.OperationalError("gone"))

    before = set(threading.enumerate())
    with monkeypatch.context() as broken:
        broken.setattr(SystemDatabase, "create_application_version", lost)
        with pytest.raises(StorageFailed):
            Durable(app)

    check_it_is_gone(before, app)


@in_a_thread
def test_a_start_whose_own_file_cannot_be_opened(app: App) -> None:
    """Before the launch too."""
    path = Path(f"{app.database.engine.url.database}.workflows")
    path.mkdir()
    with pytest.raises(StorageFailed):
        Durable(app)
    path.rmdir()

    with closing(Durable(app)):
        pass


@in_a_thread
def test_a_silent_google_holds_up_no_job(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch cannot be called off, a job that nobody works on is taken up all the same."""
    monkeypatch.setattr(durable, "BEAT_S", 0.1)
    with silent_server() as where, closing(GeminiBatch("k", f"http://{where}", 60)) as silent:
        chunk = Chunk(app, "a text")
        app.batches.sent(app.batches.begin(chunk.id, 0, GEMINI, [((0,), CENT)]).id, "batches/1")
        app.jobs.move(chunk.id, ("running",), "cancelled")
        with closing(JobDesk(replace(app, gemini_batch=silent))) as desk:
            stuck = Chunk(app, "another text")
            desk.wake()

            assert wait_until(lambda: stuck.job.run > 1)
            assert app.batches.any_open()
