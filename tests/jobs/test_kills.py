"""A killed process loses no finished row and pays for none twice."""

import signal
import time

import pytest

from tests.fakes import FakeServer
from tests.jobs.conftest import Client, Launch, ended, more_than

ROWS, CONCURRENCY = 2000, 50


def asked_about(fake: FakeServer, before: int) -> int:
    return len(fake.asked) - before


def check_every_row_once(client: Client, job: str) -> None:
    results = client.results(job)
    assert [row["text"].split()[1] for row in results] == [str(i) for i in range(ROWS)]
    assert all(row["label"] == ("good" if i % 3 else "bad") for i, row in enumerate(results))


def test_a_job_goes_on_after_its_server_was_killed(launch: Launch, slow_fake: FakeServer) -> None:
    """kill -9 in mid-job, start again: it ends by itself; only calls in flight are repeated."""
    before = len(slow_fake.asked)
    site = launch("a")
    with Client(site) as client:
        job = client.begin(ROWS, concurrency=CONCURRENCY)
        client.wait(job, more_than(500))
    site.stop(signal.SIGKILL)
    with Client(launch("a")) as client:
        found = client.wait(job, ended)

        assert (found["state"], found["rows_done"], found["error"]) == ("done", ROWS, None)
        check_every_row_once(client, job)
        assert ROWS <= asked_about(slow_fake, before) <= ROWS + CONCURRENCY


def test_a_server_told_to_stop_loses_nothing(launch: Launch, slow_fake: FakeServer) -> None:
    """SIGTERM ends in time, keeps what was under way, and the job goes on at the next start."""
    before = len(slow_fake.asked)
    site = launch("b")
    with Client(site) as client:
        job = client.begin(ROWS, concurrency=CONCURRENCY)
        client.wait(job, more_than(300))
    took_s = site.stop(signal.SIGTERM)
    with Client(launch("b")) as client:
        found = client.wait(job, ended)

        assert took_s < 10
        assert (found["state"], found["rows_done"]) == ("done", ROWS)
        check_every_row_once(client, job)
        assert asked_about(slow_fake, before) == ROWS


def test_a_paused_job_stays_paused_over_a_restart(launch: Launch, slow_fake: FakeServer) -> None:
    """Nobody resumes it but a person."""
    site = launch("c")
    with Client(site) as client:
        job = client.begin(400, concurrency=10, reuse=False)
        client.wait(job, more_than(20))
        client.post(f"/jobs/{job}/pause")
    site.stop(signal.SIGKILL)
    with Client(launch("c")) as client:
        paused = client.job(job)
        asked = len(slow_fake.asked)
        time.sleep(1.0)

        assert paused["state"] == "paused"
        assert len(slow_fake.asked) == asked
        client.post(f"/jobs/{job}/resume")
        assert client.wait(job, ended)["rows_done"] == 400


def test_two_machines_share_a_job_and_one_dies_for_good(
    launch: Launch, slow_fake: FakeServer, shared_database: str
) -> None:
    """On one Postgres both work on it; when one is killed, the other takes over its chunks."""
    before = len(slow_fake.asked)
    first = launch("d", DATABASE_URL=shared_database)
    second = launch("e", DATABASE_URL=shared_database)
    with Client(first) as client:
        job = client.begin(ROWS, concurrency=CONCURRENCY)
    with Client(second) as client:
        client.wait(job, more_than(400))
        assert slow_fake.max_in_flight <= CONCURRENCY
        first.stop(signal.SIGKILL)
        found = client.wait(job, ended, timeout_s=90)

        assert (found["state"], found["rows_done"], found["error"]) == ("done", ROWS, None), (
            second.log
        )
        check_every_row_once(client, job)
        assert ROWS <= asked_about(slow_fake, before) <= ROWS + CONCURRENCY


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_another_machine_can_stop_a_job(
    verb: str, launch: Launch, slow_fake: FakeServer, shared_database: str
) -> None:
    """Pause and cancel reach whoever works on it."""
    first = launch("f", DATABASE_URL=shared_database)
    with Client(first) as client:
        job = client.begin(ROWS, concurrency=20, reuse=False)
        client.wait(job, more_than(50))
    second = launch("g", DATABASE_URL=shared_database)
    with Client(second) as client:
        client.post(f"/jobs/{job}/{verb}")
        time.sleep(2.0)
        asked = len(slow_fake.asked)
        time.sleep(1.0)

        assert client.job(job)["state"] in ("paused", "cancelled")
        assert len(slow_fake.asked) == asked
