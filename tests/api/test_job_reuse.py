"""The same question is paid for once: within a job, while it is under way, and over jobs."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    LABELS,
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    rows_of,
    run,
    steer,
    submit,
    until,
)
from tests.fakes import FakeServer

FREE = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0, "confidence": None, "error": None}
SAME: dict[str, Any] = {"reuse": True, "model": "gemini/gemini-3.1-flash-lite"}


def test_rows_with_the_same_text_are_asked_once(api: Api, fake: FakeServer) -> None:
    texts = ["twin GOOD", "single BAD", "twin GOOD", "twin GOOD ", "twin GOOD"]
    found, rows = run(api, csv_of(*texts), reuse=False)

    assert column(rows, "label") == ["GOOD", "BAD", "GOOD", "GOOD", "GOOD"]
    assert [fake.texts[text] for text in texts] == [1] * 5
    assert found["calls"] == len(calls_of(api, found["job_id"])) == 3
    assert (found["rows_total"], found["rows_done"], found["rows_failed"]) == (5, 5, 0)
    for twin in (rows[2], rows[4]):
        assert FREE.items() <= twin.items()
        assert twin["model"] == rows[0]["model"]
    assert rows[0]["cost_usd"] > 0
    assert found["usage"]["input_tokens"] == sum(column(rows, "input_tokens"))


def test_a_twin_of_a_call_in_flight_waits_for_it(api: Api, fake: FakeServer) -> None:
    text = "slow twin GOOD #slow=0.5"
    job = submit(api, csv_of(*[text] * 9), concurrency=9)
    until(lambda: fake.texts.get(text), "the call")
    assert fields(api, job)["rows_done"] == 0

    assert ended(api, job)["calls"] == 1
    assert column(rows_of(api, job), "label") == ["GOOD"] * 9
    assert fake.texts[text] == 1


def test_twins_far_apart_and_in_packs_are_asked_once(api: Api, fake: FakeServer) -> None:
    texts = [f"far {n % 130} {LABELS[n % 2]}" for n in range(650)]
    found, rows = run(api, csv_of(*texts), rows_per_request=7)

    assert column(rows, "label") == LABELS * 325
    assert {fake.texts[text] for text in texts} == {1}
    assert found["calls"] == len(calls_of(api, found["job_id"]))


def test_twins_of_a_failed_row_fail_with_it_and_are_retried_with_it(api: Api) -> None:
    text = "failing twin GOOD #once=invalid"
    found, rows = run(api, csv_of(text, text), max_retries=0)
    assert column(rows, "error") == ["bad_reply", "bad_reply"]
    assert (found["rows_failed"], found["calls"]) == (2, 1)

    steer(api, found["job_id"], "retry")
    found = ended(api, found["job_id"])
    assert (found["rows_done"], found["rows_failed"], found["calls"]) == (2, 0, 2)
    assert column(rows_of(api, found["job_id"]), "label") == ["GOOD", "GOOD"]


def test_blank_rows_are_no_twins(api: Api) -> None:
    found, rows = run(api, b"text,x\n,1\n,2\n,3\n")

    assert column(rows, "error") == ["bad_input"] * 3
    assert (found["rows_failed"], found["calls"]) == (3, 0)


def test_answers_of_earlier_jobs_cost_nothing(api: Api, fake: FakeServer) -> None:
    first = ["paid for GOOD", "paid for BAD"]
    before, _ = run(api, csv_of(*first), **SAME)
    found, rows = run(api, csv_of("new BAD", *first, first[0]), **SAME)

    assert (before["calls"], found["calls"]) == (2, 1)
    assert len(calls_of(api, found["job_id"])) == 1
    assert column(rows, "label") == ["BAD", "GOOD", "BAD", "GOOD"]
    assert [fake.texts[text] for text in first] == [1, 1]
    for row in rows[1:]:
        assert FREE.items() <= row.items()
    assert found["usage"]["input_tokens"] == rows[0]["input_tokens"]
    assert found["cost_usd"] == pytest.approx(rows[0]["cost_usd"])


def test_a_job_of_known_rows_makes_no_call(api: Api) -> None:
    run(api, csv_of("all known GOOD"), **SAME)
    found, _ = run(api, csv_of("all known GOOD"), **SAME)

    assert (found["calls"], found["cost_usd"], found["rows_done"]) == (0, 0, 1)
    assert found["usage"] == dict.fromkeys(found["usage"], 0)


def test_confidence_is_reused_with_the_label(api: Api) -> None:
    asked = {**SAME, "model": "ollama/gemma3:4b"}
    _, (before,) = run(api, csv_of("sure GOOD"), **asked)
    _, (after,) = run(api, csv_of("sure GOOD"), **asked)

    assert before["confidence"] == after["confidence"] > 0
    assert (after["input_tokens"], after["cost_usd"]) == (0, 0)


def test_reuse_is_the_default_and_can_be_turned_off(api: Api, fake: FakeServer) -> None:
    data = csv_of("asked by default GOOD")
    calls = [run(api, data, reuse=reuse)[0]["calls"] for reuse in (None, None, False, True)]

    assert calls == [1, 0, 1, 0]
    assert fake.texts["asked by default GOOD"] == 2


def test_another_question_is_asked(api: Api) -> None:
    """Text, model, labels, instruction and examples must be the same; nothing else matters."""
    data = csv_of("the question GOOD", gold=["GOOD"])
    run(api, data, **SAME)
    described = [{"name": "GOOD", "description": "fine"}, "BAD"]
    others: list[dict[str, Any]] = [
        {"model": "gemini/gemini-3.5-flash-lite"},
        {"labels": [*LABELS, "UGLY"]},
        {"labels": described},
        {"instruction": "Be strict."},
        {"examples": [{"text": "x", "label": "GOOD"}]},
    ]
    same: list[dict[str, Any]] = [
        {"gold_column": "gold"}, {"rows_per_request": 5}, {"concurrency": 1}, {"budget_usd": 1},
        {"max_retries": 1}, {"instruction": ""}, {"examples": []},
        {"labels": [{"name": "GOOD"}, {"name": "BAD", "description": ""}]},
    ]  # fmt: skip
    jobs = [submit(api, data, **{**SAME, **change}) for change in others + same]

    assert [ended(api, job)["calls"] for job in jobs] == [1] * len(others) + [0] * len(same)


def test_errors_are_not_reused(api: Api, fake: FakeServer) -> None:
    text = "at first invalid GOOD #once=invalid"
    before, _ = run(api, csv_of(text), max_retries=0, **SAME)
    found, rows = run(api, csv_of(text), max_retries=0, **SAME)

    assert (before["rows_failed"], found["rows_failed"], found["calls"]) == (1, 0, 1)
    assert column(rows, "label") == ["GOOD"]


def test_what_was_reused_is_reused_again(api: Api) -> None:
    """Also when the job that paid for it is gone."""
    data = csv_of("handed down GOOD")
    first, _ = run(api, data, **SAME)
    run(api, data, **SAME)
    assert api.delete(f"/jobs/{first['job_id']}").status_code == 200

    assert run(api, data, **SAME)[0]["calls"] == 0
