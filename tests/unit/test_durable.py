"""An engine of jobs that could not start is gone altogether: the next one starts as if first."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from dbos._sys_db import SystemDatabase
from sqlalchemy.exc import OperationalError

from lib.core.errors import Busy
from lib.store.database import Database
from lib.work.app import App
from lib.work.durable import Durable
from lib.work.jobs import JobDesk
from tests.fakes import FakeServer
from tests.faults.conftest import BUSY_S, kept
from tests.unit.builders import running, wait_until
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
    """DBOS counts as launched from its first step on; half of it must not be taken for all."""

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("", {}, Exception("gone"))

    before = set(threading.enumerate())
    with monkeypatch.context() as broken:
        broken.setattr(SystemDatabase, "create_application_version", lost)
        with pytest.raises(OperationalError):
            Durable(app)

    check_it_is_gone(before, app)
