"""A job whose storage fails under it waits, loses nothing, and goes on by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import calls_of, csv_of, ended, fields, rows_of, submit, until
from tests.fakes import FakeServer
from tests.faults.conftest import Wire, kept
from tests.unit.builders import GEMINI

ROWS, CONCURRENCY = 300, 8
TROUBLE_S = 1.5  # longer than a writer waits


@pytest.fixture
def slow() -> Iterator[FakeServer]:
    with FakeServer(latency_s=0.05) as fake:
        yield fake


def begin(api: Api) -> str:
    texts = [f"row {n}" for n in range(ROWS)]
    job = submit(api, csv_of(*texts), model=GEMINI, concurrency=CONCURRENCY)
    until(lambda: fields(api, job)["rows_done"] > ROWS / 4, "a quarter of the rows")
    return job


def check(api: Api, job: str, fake: FakeServer) -> None:
    """Every row once, no row failed, nothing paid twice; job and ledger say the same."""
    found, rows, calls = ended(api, job), rows_of(api, job), calls_of(api, job)
    assert (found["rows_done"], found["rows_failed"]) == (ROWS, 0)
    assert [row["text"] for row in rows] == [f"row {n}" for n in range(ROWS)]
    assert all(row["label"] for row in rows)
    assert len(fake.asked) <= ROWS + CONCURRENCY
    until(lambda: not api.app.ledger.unsettled, "the ledger's end")
    assert sum(call["finish"] == "stop" for call in calls_of(api, job)) == len(fake.asked)
    assert len(calls) == found["calls"]


def test_a_locked_database(
    slow: FakeServer, tmp_path: Path, sqlite_url: str, impatient: None
) -> None:
    """It stands still, still running, and goes on as soon as the other one is done."""
    with api_with(settings_for(slow, tmp_path / "data", database_url=sqlite_url)) as api:
        job = begin(api)
        with kept(sqlite_url):
            time.sleep(TROUBLE_S)
            stood = fields(api, job)["rows_done"]
            time.sleep(0.3)
            assert fields(api, job)["rows_done"] == stood
            assert fields(api, job)["state"] == "running"

        check(api, job, slow)


def test_a_lost_postgres(slow: FakeServer, tmp_path: Path, wire: Wire) -> None:
    """It goes on when the database is back, without a restart and without a person."""
    with api_with(settings_for(slow, tmp_path, database_url=wire.url)) as api:
        job = begin(api)
        wire.cut()
        time.sleep(TROUBLE_S)
        wire.mend()

        check(api, job, slow)
