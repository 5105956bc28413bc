"""A job's record: its states, its runs, its speed; what it was asked comes back as it was."""

from decimal import Decimal
from typing import Any, get_args

import pytest

from lib.core.errors import AuthFailed, NotFound, RateLimited
from lib.core.spec import parse
from lib.store.database import Database
from lib.store.jobs import ACTIVE, Jobs, State
from tests.unit.builders import Clock
from tests.unit.stored_rows import MODEL, Stored, got

ASKED = parse(
    {
        "labels": [{"name": "spam", "description": "«unwanted»"}, "ham"],
        "examples": [{"text": "buy\x00", "label": "spam"}],
        "text_column": "Grüße \x00",
        "budget_usd": 0.25,
        "max_retries": 0,
        "reuse": False,
        "votes": 3,
    }
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(database: Database, clock: Clock) -> Jobs:
    return Jobs(database, clock)


def add(jobs: Jobs, job: str = "j1", **facts: Any) -> str:
    name, rows = facts.get("name", "mail.csv"), facts.get("rows", 10)
    jobs.add(job, name, "upload", ASKED, MODEL, rows, facts.get("manifest", {}))
    return job


def test_a_new_job_is_queued_with_nothing_done(jobs: Jobs) -> None:
    job = jobs.get(add(jobs))

    assert (job.state, job.run, job.error, job.finished) == ("queued", 1, None, None)
    assert (job.rows_total, job.rows_done, job.rows_failed, job.calls) == (10, 0, 0, 0)
    assert (job.cost_usd, job.spent_usd, job.reserved_usd) == (0, 0, 0)
    assert (job.budget_usd, job.rows_per_s, job.eta_s) == (Decimal("0.25"), None, None)
    assert job.created == "2023-11-14T22:13:20.000+00:00"
    assert job.spec == ASKED


@pytest.mark.parametrize("name", ["Grüße «内».csv", "zero\x00byte.csv", "half\ud800.csv", ""])
def test_any_name_a_file_may_have_can_be_kept(jobs: Jobs, name: str) -> None:
    assert "\x00" not in jobs.get(add(jobs, name=name)).name


def test_a_job_that_is_not_there_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFound):
        jobs.get("no such job")


def test_jobs_are_listed_newest_first_also_of_the_same_millisecond(
    jobs: Jobs, clock: Clock
) -> None:
    for job in ("a", "b"):
        add(jobs, job)
    clock.time += 1
    add(jobs, "0")

    assert [job.id for job in jobs.all()] == ["0", "b", "a"]
    assert jobs.states(["a", "0", "gone"]) == {"a": ("queued", 1), "0": ("queued", 1)}
    assert jobs.states([]) == {}


def test_a_state_changes_only_from_the_states_that_fit(jobs: Jobs) -> None:
    add(jobs)
    moves = [
        jobs.move("j1", ["paused"], "running"),
        jobs.move("j1", ACTIVE, "paused"),
        jobs.move("j1", ACTIVE, "cancelled"),
        jobs.move("gone", get_args(State), "cancelled"),
    ]

    assert moves == [False, True, False, False]
    assert (jobs.get("j1").state, jobs.get("j1").finished) == ("paused", None)


def test_an_earlier_run_cannot_end_a_later_one(jobs: Jobs) -> None:
    """Calls of a run that was paused come home after it was resumed."""
    add(jobs)
    jobs.move("j1", ACTIVE, "paused")
    assert jobs.requeue("j1", ["paused"], None) == 2

    assert not jobs.move("j1", ACTIVE, "failed", AuthFailed("No."), run=1)
    assert not jobs.begin("j1", 1)
    assert jobs.begin("j1", 2)
    assert not jobs.begin("j1", 2)
    assert not jobs.finish("j1", 1)


def test_a_failed_job_says_why_and_when_until_it_is_taken_up_again(jobs: Jobs) -> None:
    add(jobs)
    jobs.begin("j1", 1)
    jobs.move("j1", ACTIVE, "failed", RateLimited("Enough.", hint="Wait.", retry_after_s=7))
    failed = jobs.get("j1")
    assert jobs.requeue("j1", ["failed"], Decimal("0.5")) == 2
    again = jobs.get("j1")

    assert failed.error == {
        "code": "rate_limited", "message": "Enough.", "hint": "Wait.", "retry_after_s": 7
    }  # fmt: skip
    assert failed.finished == "2023-11-14T22:13:20.000+00:00"
    assert (again.state, again.error, again.finished) == ("queued", None, None)
    assert again.budget_usd == Decimal("0.5")


def test_a_job_is_requeued_only_where_that_fits_and_keeps_its_budget(jobs: Jobs) -> None:
    add(jobs)
    assert jobs.requeue("j1", ["done", "paused"], Decimal(9)) is None
    jobs.move("j1", ACTIVE, "paused")
    jobs.requeue("j1", ["paused"], None)

    assert (jobs.get("j1").run, jobs.get("j1").budget_usd) == (2, Decimal("0.25"))


def test_a_job_is_done_when_no_row_is_left_and_not_before(database: Database) -> None:
    job, jobs = Stored(database, ["a", "b", "a"]), Jobs(database)
    jobs.begin(job.id, 1)
    job.store((0, got()))
    early = jobs.finish(job.id, 1)
    job.store((1, got(None, "refused")))

    assert (early, jobs.finish(job.id, 1), job.record.state) == (False, True, "done")
    assert job.record.finished is not None


def test_a_paused_job_is_not_done_even_if_its_last_row_came_home(database: Database) -> None:
    """It stays as it was put, and resuming it ends it."""
    job, jobs = Stored(database, ["a"]), Jobs(database)
    jobs.begin(job.id, 1)
    jobs.move(job.id, ACTIVE, "paused")
    job.store((0, got()))

    assert not jobs.finish(job.id, 1)
    assert job.record.state == "paused"


def test_speed_is_that_of_this_run_and_tells_what_is_left(database: Database, clock: Clock) -> None:
    """Rows of earlier runs and the time between runs do not count."""
    jobs = Jobs(database, clock)
    job = Stored(database, [f"text {n}" for n in range(10)])
    jobs.begin(job.id, 1)
    job.store((0, got()), (1, got()))
    jobs.move(job.id, ACTIVE, "paused")
    clock.time += 5000
    jobs.requeue(job.id, ["paused"], None)
    jobs.begin(job.id, 2)
    assert (jobs.get(job.id).rows_per_s, jobs.get(job.id).eta_s) == (None, None)

    clock.time += 2
    job.store(*((n, got()) for n in range(2, 6)))
    running = jobs.get(job.id)
    assert (running.rows_per_s, running.eta_s) == (2.0, 2.0)

    job.store(*((n, got()) for n in range(6, 10)))
    clock.time += 2
    jobs.finish(job.id, 2)
    clock.time += 500
    assert (jobs.get(job.id).rows_per_s, jobs.get(job.id).eta_s) == (2.0, None)


def test_time_the_machine_was_down_does_not_slow_the_speed(
    database: Database, clock: Clock
) -> None:
    jobs = Jobs(database, clock)
    job = Stored(database, [f"text {n}" for n in range(10)])
    jobs.begin(job.id, 1)
    job.store((0, got()))
    clock.time += 9999
    jobs.restart_clocks()
    clock.time += 1
    job.store((1, got()), (2, got()))

    assert jobs.get(job.id).rows_per_s == 2.0


def test_the_first_calibration_counts_for_every_machine(jobs: Jobs) -> None:
    add(jobs)

    assert jobs.keep_centre("j1", {"width": 1.5}) == {"width": 1.5}
    assert jobs.keep_centre("j1", {"width": 9.0}) == {"width": 1.5}
    assert jobs.get("j1").centre == {"width": 1.5}


def test_a_manifest_is_kept_with_whatever_it_quotes(jobs: Jobs) -> None:
    add(jobs, manifest={"prompt": "half \ud800, zero \x00"})

    assert jobs.get("j1").manifest == {"prompt": "half \ud800, zero \x00"}


def test_a_deleted_job_leaves_other_jobs_alone(database: Database) -> None:
    one, two = (Stored(database, ["a", "b", "a"], job=job) for job in ("j1", "j2"))
    one.store((0, got()))
    two.store((0, got()))
    Jobs(database).delete("j1")

    assert one.left == {}
    assert [result.label for result in two.results] == ["spam", None, "spam"]
    assert list(two.left) == [1]
