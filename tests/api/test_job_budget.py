"""Budgets in dollars, a job's and the month's: never exceeded, and given up only when idle."""

from decimal import Decimal

import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    post,
    refusal,
    rows_of,
    steer,
    submit,
    until,
)
from tests.fakes import FakeServer

MODEL = "gemini/gemini-3.1-flash-lite"
ROW_USD = 0.0000105  # what a call of these tests costs; its reservation is some times as much


def rows_for(name: str, count: int, directives: str = "") -> bytes:
    return csv_of(*(f"{name} {n} GOOD {directives}" for n in range(count)))


@pytest.fixture(scope="module")
def hold(api: Api) -> float:
    """USD that a call for a row here reserves, which is its worst case."""
    job = submit(api, csv_of("reserved 10 GOOD #slow=0.2"), model=MODEL)
    until(lambda: calls_of(api, job), "the call")
    held = calls_of(api, job)[0]["reserved_picousd"] / 1e12
    ended(api, job)
    return float(held)


def test_a_budget_that_fits_no_call_makes_none(api: Api) -> None:
    job = submit(api, rows_for("none", 3), model=MODEL, budget_usd=1e-9)
    found = ended(api, job, "over_budget")

    assert found["error"]["code"] == "over_budget"
    assert found["error"].keys() == {"code", "message", "hint"}
    assert [found[name] for name in ("rows_done", "rows_failed", "calls")] == [0, 0, 0]
    assert calls_of(api, job) == []
    assert column(rows_of(api, job), "error") == [None] * 3


def test_over_budget_without_a_new_budget_stays(api: Api) -> None:
    job = submit(api, rows_for("stays", 2), model=MODEL, budget_usd=1e-9)
    ended(api, job, "over_budget")

    for body in (None, {}, {"budget_usd": None}):
        assert refusal(steer(api, job, "resume", body)) == (402, "over_budget")
        assert fields(api, job)["state"] == "over_budget"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_is_never_exceeded_and_resume_sets_the_new_total(
    api: Api, hold: float, concurrency: int
) -> None:
    name = f"half {concurrency}"
    budget = round(hold + 10 * ROW_USD, 9)
    job = submit(
        api, rows_for(name, 30, "#slow=0.01"), model=MODEL, budget_usd=budget,
        concurrency=concurrency,
    )  # fmt: skip
    found = ended(api, job, "over_budget")

    spent = sum(call["cost_usd"] for call in calls_of(api, job))
    assert 0 < found["rows_done"] < 30
    assert found["rows_failed"] == 0
    assert spent == pytest.approx(Decimal(str(found["cost_usd"])), rel=Decimal("1e-9"))
    assert found["cost_usd"] <= budget
    assert found["cost_usd"] + hold > budget, "the next call did not fit"

    answer = steer(api, job, "resume", {"budget_usd": 30 * ROW_USD * 2 + budget})
    assert answer.json()["state"] in ("queued", "running")
    assert answer.json()["error"] is None
    found = ended(api, job)
    assert (found["rows_done"], found["calls"]) == (30, 30)


def test_calls_in_flight_are_waited_for_before_a_job_is_over_budget(api: Api, hold: float) -> None:
    """Room for two reservations, sixteen threads, and money enough for all rows."""
    budget = 2.5 * hold + 40 * ROW_USD
    job = submit(
        api, rows_for("tight", 40, "#slow=0.02"), model=MODEL, budget_usd=budget, concurrency=16
    )

    assert ended(api, job)["rows_done"] == 40


def test_the_new_budget_is_a_total_and_must_exceed_what_is_spent(api: Api, hold: float) -> None:
    budget = hold + 5 * ROW_USD
    job = submit(api, rows_for("total", 20), model=MODEL, budget_usd=budget, concurrency=1)
    spent = ended(api, job, "over_budget")["cost_usd"]

    less = steer(api, job, "resume", {"budget_usd": spent / 2})
    assert refusal(less) == (422, "bad_input")
    assert "budget_usd" in less.json()["error"]["message"]
    steer(api, job, "resume", {"budget_usd": budget})
    assert ended(api, job, "over_budget")["cost_usd"] == pytest.approx(spent)


def test_a_call_of_unknown_cost_counts_as_its_reservation(api: Api, hold: float) -> None:
    texts = ["unknown 0 GOOD #fault=no_usage", *(f"unknown {n} GOOD" for n in range(1, 4))]
    job = submit(
        api, csv_of(*texts), model=MODEL, budget_usd=hold * 1.5, concurrency=1, max_retries=0
    )
    found = ended(api, job, "over_budget")

    assert (found["calls"], found["rows_done"], found["cost_usd"]) == (1, 1, None)


def test_local_answers_without_a_price_do_not_count(api: Api) -> None:
    job = submit(api, rows_for("local", 3), model="ollama/gemma3:4b", budget_usd=1e-9)

    assert ended(api, job)["rows_done"] == 3


def test_known_rows_cost_nothing_of_a_budget(api: Api) -> None:
    data = rows_for("known", 3)
    ended(api, submit(api, data, model=MODEL, reuse=True))

    job = submit(api, data, model=MODEL, reuse=True, budget_usd=1e-9)
    assert ended(api, job)["calls"] == 0


def test_a_paused_job_may_be_resumed_with_a_budget(api: Api, fake: FakeServer) -> None:
    job = submit(api, rows_for("late", 4, "#slow=0.2"), model=MODEL, concurrency=1)
    until(lambda: fields(api, job)["calls"], "a call")
    steer(api, job, "pause")
    until(lambda: fields(api, job)["rows_done"], "its end")
    hold = float(calls_of(api, job)[0]["cost_usd"]) * 1.5

    steer(api, job, "resume", {"budget_usd": hold})
    assert ended(api, job, "over_budget")["rows_done"] < 4


def test_a_budget_needs_a_model_whose_price_is_known(api: Api, fake: FakeServer) -> None:
    """Otherwise nobody could keep it; without a budget the same job runs, its cost unknown."""
    asked = {"text_column": "text", "labels": ["GOOD", "BAD"], "model": "gemini/gemini-9-unpriced"}
    before = len(fake.asked)
    answer = post(api, rows_for("unpriced", 2), asked | {"budget_usd": 1})

    assert refusal(answer) == (422, "bad_input")
    assert "budget_usd" in answer.json()["error"]["message"]
    assert len(fake.asked) == before
    job = post(api, rows_for("unpriced", 2), asked).json()["job_id"]
    assert ended(api, job)["cost_usd"] is None
