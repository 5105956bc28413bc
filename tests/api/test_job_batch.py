"""Jobs through Gemini's Batch API: half the price, the same counts, budgets and refusals."""

from typing import Any

import pytest

from lib.work import batch_send
from tests.api.batch_jobs import (
    FLASH,
    LABELS,
    NUMBERS,
    batch_run,
    begin,
    check_counts,
    rows,
    single_calls,
)
from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import (
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    post,
    refusal,
    run,
    steer,
    submit,
)
from tests.fakes import FakeServer
from tests.unit.batch_chunks import quick


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


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
