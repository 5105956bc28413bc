"""Batches that are paused, called off, lost or late: sent once, and no cost forgotten."""

import pytest

from lib.work import batch_chunk
from tests.api.batch_jobs import FLASH, LABELS, batch_run, begin, check_counts, rows
from tests.api.conftest import Api
from tests.api.jobs import (
    column,
    csv_of,
    ended,
    fields,
    rows_of,
    steer,
    submit,
    until,
)
from tests.fakes import FakeServer
from tests.unit.batch_chunks import quick


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


def test_a_paused_job_collects_its_batch_when_it_goes_on(api: Api, fake: FakeServer) -> None:
    """What was sent goes on at Google meanwhile, and is not sent again."""
    before = len(fake.batches.made)
    job = begin(api, rows(6, "#takes=0.3"))
    assert steer(api, job, "pause").json()["state"] == "paused"
    assert fields(api, job)["batch"]["waiting_rows"] == 6

    steer(api, job, "resume")

    assert ended(api, job)["rows_done"] == 6
    assert len(fake.batches.made) == before + 1
    check_counts(api, fields(api, job))


def test_cancelling_ends_the_batch_at_google(api: Api, fake: FakeServer) -> None:
    """What it may have cost stays reserved, and the job's cost is not known."""
    job = begin(api, rows(6, "#batch=stuck"))
    (batch,) = api.app.batches.open(job, 0)

    assert steer(api, job, "cancel").json()["state"] == "cancelled"

    until(lambda: batch.id in fake.batches.cancelled, "the end of the batch at Google")
    until(lambda: not api.app.batches.open(job, 0), "its end here")
    assert fields(api, job)["cost_usd"] is None
    assert api.app.jobs.get(job).reserved_usd > 0
    assert column(rows_of(api, job), "label") == [None] * 6


def test_deleting_a_paused_job_ends_the_batch_at_google(api: Api, fake: FakeServer) -> None:
    job = begin(api, rows(6, "#batch=stuck"))
    (batch,) = api.app.batches.open(job, 0)
    steer(api, job, "pause")

    assert api.delete(f"/jobs/{job}").status_code == 200

    until(lambda: batch.id in fake.batches.cancelled, "the end of the batch at Google")
    until(lambda: not api.app.batches.open(job, 0), "its end here")


@pytest.mark.parametrize(
    ("fault", "code"),
    [("expired", "timed_out"), ("failed", "unreachable"), ("unkeyed", "bad_reply")],
)
def test_a_batch_without_answers_fails_the_job_which_can_go_on(
    api: Api, fake: FakeServer, fault: str, code: str
) -> None:
    """Its rows stay unasked; resuming sends them in a new batch."""
    before = len(fake.batches.made)
    job = submit(api, csv_of(*rows(6, f"#batch={fault}")), model=FLASH, batch=True)
    found = ended(api, job, "failed")

    assert found["error"]["code"] == code
    assert (found["rows_done"], found["rows_failed"]) == (0, 0)
    steer(api, job, "resume")
    found = ended(api, job)
    assert column(rows_of(api, job), "label") == LABELS * 2
    assert (found["calls"], found["cost_usd"]) == (12, None)
    assert len(fake.batches.made) == before + 2


def test_a_batch_that_never_ends_is_given_up(
    api: Api, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_chunk, "STUCK_S", 0.3)
    job = submit(api, csv_of(*rows(6, "#batch=stuck")), model=FLASH, batch=True)
    found = ended(api, job, "failed")

    assert found["error"]["code"] == "timed_out"
    assert "Resume" in found["error"]["hint"]
    assert fake.batches.cancelled


def test_a_batch_whose_making_was_not_answered_is_found(api: Api, fake: FakeServer) -> None:
    """It may well be there, and must not be paid for twice."""
    before = len(fake.batches.made)
    found, labelled = batch_run(api, rows(6, "#batch=lost"))

    assert column(labelled, "label") == LABELS * 2
    assert found["calls"] == 6
    assert len(fake.batches.made) == before + 1


@pytest.mark.parametrize("fault", ["unavailable", "rate_limited"])
def test_a_batch_google_has_no_room_for_is_sent_later(
    api: Api, fake: FakeServer, fault: str
) -> None:
    found, labelled = batch_run(api, rows(6, f"#batch={fault}"))

    assert column(labelled, "label") == LABELS * 2
    assert found["calls"] == 6


@pytest.mark.parametrize(
    ("fault", "code"), [("quota", "quota_exhausted"), ("bad_request", "bad_input")]
)
def test_a_batch_google_will_not_take_fails_the_job(api: Api, fault: str, code: str) -> None:
    """It cost nothing, so nothing stays reserved."""
    job = submit(api, csv_of(*rows(6, f"#batch={fault}")), model=FLASH, batch=True)
    found = ended(api, job, "failed")

    assert found["error"]["code"] == code
    assert api.app.jobs.get(job).reserved_usd == 0
    steer(api, job, "resume")
    assert ended(api, job)["rows_failed"] == 0
