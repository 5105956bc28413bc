"""Jobs through Gemini's Batch API: half the price, up to a day, and nothing lost on the way."""

import itertools
from typing import Any

import pytest

from lib.work import batch_chunk, batch_send
from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import (
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    post,
    refusal,
    rows_of,
    run,
    steer,
    submit,
    total,
    until,
)
from tests.fakes import FakeServer

NUMBERS = itertools.count()
FLASH = "gemini/gemini-3.1-flash-lite"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of a Batch API, a hundred times as fast."""
    monkeypatch.setattr(batch_chunk, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(batch_chunk, "LONGEST_LOOK_S", 0.2)
    monkeypatch.setattr(batch_send, "FIND_EVERY_S", 0.02)
    monkeypatch.setattr(batch_send, "LISTED_S", 0.05)


def rows(count: int = 6, directive: str = "") -> list[str]:
    """New texts, every third BAD; the first one carries the directive."""
    number = next(NUMBERS)
    texts = [f"batch {number} row {n} is {('BAD', 'GOOD', 'GOOD')[n % 3]}" for n in range(count)]
    return [f"{texts[0]} {directive}".strip(), *texts[1:]]


LABELS = ["BAD", "GOOD", "GOOD"]


def batch_run(api: Api, texts: list[str], **spec: Any) -> tuple[dict[str, Any], list[Any]]:
    return run(api, csv_of(*texts), model=FLASH, batch=True, **spec)


def begin(api: Api, texts: list[str], **spec: Any) -> str:
    """A batch job whose rows wait at Google."""
    job = submit(api, csv_of(*texts), model=FLASH, batch=True, **spec)
    until(lambda: waits(api, job), "a batch at Google")
    return job


def waits(api: Api, job: str) -> bool:
    return any(one.name for one in api.app.batches.open(job, 0))


def single_calls(fake: FakeServer, texts: list[str]) -> int:
    """How many calls outside batches asked about one of these texts."""
    return sum(any(text in str(call.body) for text in texts) for call in fake.asked)


def check_counts(api: Api, job: dict[str, Any]) -> None:
    """Job, rows and ledger tell the same sums."""
    calls, rows = calls_of(api, job["job_id"]), rows_of(api, job["job_id"])
    assert job["calls"] == len(calls)
    assert job["cost_usd"] == pytest.approx(float(total(column(calls, "cost_usd"))))
    assert job["cost_usd"] == pytest.approx(total(column(rows, "cost_usd")))
    assert job["usage"]["input_tokens"] == total(column(calls, "input_tokens"))
    assert all(call["total_ms"] is not None for call in calls)


def test_a_batch_job_costs_half(api: Api, fake: FakeServer) -> None:
    """The same labels as single calls give, no call outside the batch, and half the price."""
    texts = rows(30)
    found, labelled = batch_run(api, texts)
    plain, singly = run(api, csv_of(*texts), model=FLASH)

    assert column(labelled, "label") == column(singly, "label") == LABELS * 10
    assert found["cost_usd"] == pytest.approx(plain["cost_usd"] / 2)
    assert found["cost_usd"] > 0
    assert found["calls"] == 30
    assert {call["tier"] for call in calls_of(api, found["job_id"])} == {"batch"}
    check_counts(api, found)
    assert single_calls(fake, texts) == 30, "those of the plain job"


def test_the_month_holds_what_a_batch_cost(api: Api) -> None:
    before = api.app.ledger.month()
    found, _ = batch_run(api, rows())
    after = api.app.ledger.month()

    assert float(after.spent_usd - before.spent_usd) == pytest.approx(found["cost_usd"])
    assert after.reserved_usd == before.reserved_usd


def test_rows_in_packs_share_a_request(api: Api) -> None:
    found, labelled = batch_run(api, rows(10), rows_per_request=4)

    assert column(labelled, "label") == (LABELS * 4)[:10]
    assert found["calls"] == 3
    check_counts(api, found)


@pytest.mark.parametrize("directive", ["#once=invalid", "#once=internal", "#once=length_empty"])
def test_what_has_no_usable_answer_is_asked_again_singly(
    api: Api, fake: FakeServer, directive: str
) -> None:
    """At the standard price, and counted with the rest."""
    texts = rows(6, directive)
    found, labelled = batch_run(api, texts)

    assert column(labelled, "label") == LABELS * 2
    assert found["rows_failed"] == 0
    assert single_calls(fake, texts) == 1
    assert sorted(c["tier"] for c in calls_of(api, found["job_id"])) == ["batch"] * 6 + ["standard"]
    if directive != "#once=internal":  # nobody knows what that one took
        check_counts(api, found)


def test_a_row_google_refuses_fails_alone(api: Api) -> None:
    texts = [*rows(3), f"row {next(NUMBERS)} #fault=safety", ""]
    found, labelled = batch_run(api, texts)

    assert column(labelled, "error") == [None, None, None, "refused", "bad_input"]
    assert (found["rows_failed"], found["calls"]) == (2, 4)


def test_the_job_tells_what_waits_at_google(api: Api) -> None:
    """Nobody knows how long, so there is no time left; a job without batch says nothing of it."""
    job = begin(api, rows(6, "#takes=0.5"))
    found = fields(api, job)

    assert found["batch"]["waiting_rows"] == 6
    assert found["batch"]["batches"] == 1
    assert found["batch"]["oldest"] >= found["created"][:19]
    assert (found["state"], found["rows_done"], found["eta_s"]) == ("running", 0, None)
    assert ended(api, job)["batch"] == {"waiting_rows": 0, "batches": 0, "oldest": None}
    assert "batch" not in run(api, csv_of(*rows(1)), model=FLASH)[0]


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


def test_a_large_chunk_goes_in_several_batches(
    api: Api, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more of them at once than Google keeps."""
    monkeypatch.setattr(batch_send, "MOST_BYTES", 5000)
    monkeypatch.setattr(batch_send, "MOST_AT_ONCE", 2)
    before = len(fake.batches.made)
    found, labelled = batch_run(api, rows(30))

    assert column(labelled, "label") == LABELS * 10
    assert found["calls"] == 30
    assert len(fake.batches.made) - before > 5


def test_a_budget_for_none_of_the_rows_sends_nothing(api: Api, fake: FakeServer) -> None:
    before = len(fake.batches.made)
    job = submit(api, csv_of(*rows()), model=FLASH, batch=True, budget_usd=1e-9)
    found = ended(api, job, "over_budget")

    assert found["error"]["code"] == "over_budget"
    assert (found["calls"], len(fake.batches.made)) == (0, before)


def test_a_budget_for_some_of_the_rows_sends_those(api: Api) -> None:
    """What they cost less than was reserved pays for others; it never spends more than it may."""
    whole, _ = batch_run(api, rows(30))
    budget = whole["cost_usd"] * 0.6
    job = submit(api, csv_of(*rows(30)), model=FLASH, batch=True, budget_usd=budget)
    found = ended(api, job, "over_budget")

    assert 0 < found["rows_done"] < 30
    assert 0 < found["cost_usd"] <= budget
    assert steer(api, job, "resume", {"budget_usd": 1}).status_code == 200
    assert ended(api, job)["rows_done"] == 30


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"model": "ollama/gemma3:4b"}, "batch"),
        ({"model": FLASH, "votes": 3}, "votes"),
        ({"model": FLASH, "batch": "yes"}, "batch"),
    ],
)
def test_what_cannot_be_a_batch_is_bad_input(api: Api, spec: dict[str, Any], field: str) -> None:
    given = {"text_column": "text", "labels": ["GOOD", "BAD"], "batch": True, **spec}
    answer = post(api, csv_of("a"), given)

    assert refusal(answer) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith(field)


def test_the_retired_sdk_has_no_batches(
    fake: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The refusal says what would turn them on."""
    folder = tmp_path_factory.mktemp("retired")
    with api_with(settings_for(fake, folder, gemini_sdk="google-generativeai")) as api:
        given = {"text_column": "text", "labels": ["GOOD", "BAD"], "batch": True, "model": FLASH}
        answer = post(api, csv_of("a"), given)

    assert refusal(answer) == (503, "not_configured")
    assert "GEMINI_SDK" in answer.json()["error"]["hint"]
