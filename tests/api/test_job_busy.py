"""Jobs in front of servers that are slow, full, failing or gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import api_with, settings_for
from tests.api.jobs import (
    LABELS,
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    refusal,
    rows_of,
    run,
    steer,
    submit,
    until,
)
from tests.fakes import FakeServer

GEMINI, OLLAMA, VLLM = "gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b", "vllm/Qwen/Qwen3-4B"
ROW_USD = 0.0000105


@contextmanager
def served(tmp: Path, more: dict[str, Any] | None = None, **conduct: Any) -> Iterator[Any]:
    """An app and the fake server behind it."""
    with FakeServer(**conduct) as fake, api_with(settings_for(fake, tmp, **more or {})) as api:
        yield api, fake


def texts_of(count: int) -> list[str]:
    return [f"row {n} {LABELS[n % 2]}" for n in range(count)]


def test_concurrency_is_the_most_calls_in_flight(tmp_path: Path) -> None:
    """It is reached at once, and never passed: not in packs, not after a pause."""
    with served(tmp_path, latency_s=0.04) as (api, fake):
        for concurrency, pack, model in ((1, 1, GEMINI), (5, 1, VLLM), (3, 2, OLLAMA)):
            before = len(fake.asked)
            found, rows = run(
                api, csv_of(*texts_of(18)), concurrency=concurrency, rows_per_request=pack,
                model=model,
            )  # fmt: skip
            calls = fake.asked[before:]
            assert at_once(calls) == concurrency
            assert found["calls"] == len(calls) == len(calls_of(api, found["job_id"])) == 18 / pack
            assert column(rows, "label") == LABELS * 9

        job = submit(api, csv_of(*texts_of(18)), concurrency=4)
        before = len(fake.asked)
        until(lambda: fields(api, job)["rows_done"], "a row")
        steer(api, job, "pause")
        steer(api, job, "resume")
        assert ended(api, job)["calls"] == 18
        assert at_once(fake.asked[before:]) <= 4


def at_once(calls: list[Any]) -> int:
    """How many of the calls were under way at the same time, at most."""
    return max(
        sum(other.started <= call.started < other.finished for other in calls) for call in calls
    )


def test_a_server_that_lets_few_in_gets_every_row_through(tmp_path: Path) -> None:
    """Every refusal is a call and in the ledger, and none counts as a failure of its row."""
    with served(tmp_path, latency_s=0.3, concurrent=4) as (api, fake):
        found, rows = run(api, csv_of(*texts_of(12)), concurrency=8, model=VLLM, max_retries=0)

        assert column(rows, "label") == LABELS * 6
        assert found["calls"] == len(calls_of(api, found["job_id"])) == len(fake.asked) > 12
        refused = [c for c in calls_of(api, found["job_id"]) if c["error"] == "rate_limited"]
        assert len(refused) == fake.stats["refused"] == found["calls"] - 12


def test_a_server_that_fails_now_and_then_gets_every_row_through(tmp_path: Path) -> None:
    with served(tmp_path, failing=0.3, seed=1) as (api, fake):
        found, rows = run(api, csv_of(*texts_of(12)), model=OLLAMA, concurrency=12)

        assert column(rows, "label") == LABELS * 6
        assert found["calls"] == len(calls_of(api, found["job_id"])) == len(fake.asked) > 12


def test_a_server_that_is_gone_stops_the_job_until_it_is_back(tmp_path: Path) -> None:
    with FakeServer() as fake:
        settings = settings_for(fake, tmp_path)
        port = int(fake.url.rpartition(":")[2])
    with api_with(settings) as api:
        job = submit(api, csv_of(*texts_of(5)), model=OLLAMA, max_retries=0)
        found = ended(api, job, "failed")
        assert found["error"]["code"] == "unreachable"
        assert [found[name] for name in ("rows_done", "rows_failed")] == [0, 0]
        assert found["calls"] == len(calls_of(api, job)) > 0
        assert column(rows_of(api, job), "error") == [None] * 5
        assert str(port) not in api.get(f"/jobs/{job}").text

        with FakeServer(port=port) as fake:
            steer(api, job, "resume")
            assert ended(api, job)["rows_done"] == 5
            assert len(fake.asked) == 5


def test_a_server_that_never_answers_is_timed_out(tmp_path: Path) -> None:
    with served(tmp_path, {"model_timeout_s": 1}) as (api, _):
        texts = ["waits #fault=hang", "answers GOOD"]
        jobs = {
            model: submit(api, csv_of(*texts), model=model, max_retries=0)
            for model in (GEMINI, OLLAMA, VLLM)
        }
        for job in jobs.values():
            found, rows = ended(api, job), rows_of(api, job)
            assert column(rows, "error") == ["timed_out", None]
            assert column(rows, "label") == [None, "GOOD"]
            assert found["calls"] == 2
            assert found["cost_usd"] is None


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> float:
    """USD that a call for one of `texts_of` reserves, which is its worst case."""
    with served(tmp_path_factory.mktemp("hold"), latency_s=0.2) as (api, _):
        job = submit(api, csv_of(texts_of(1)[0]), model=GEMINI)
        until(lambda: calls_of(api, job), "the call")
        held = calls_of(api, job)[0]["reserved_picousd"] / 1e12
        ended(api, job)
        return float(held)


def test_the_months_budget_stops_jobs_and_is_shared(hold: float, tmp_path: Path) -> None:
    budget = {"monthly_budget_usd": round(hold + 10 * ROW_USD, 9)}
    with served(tmp_path, budget) as (api, _):
        job = submit(api, csv_of(*texts_of(30)), model=GEMINI, concurrency=4)
        found = ended(api, job, "over_budget")
        assert found["error"]["code"] == "over_budget"
        assert 0 < found["rows_done"] < 30
        assert found["cost_usd"] <= budget["monthly_budget_usd"]

        answer = steer(api, job, "resume")
        assert answer.status_code in (200, 402)
        ended(api, job, "over_budget")
        answer = api.post(
            "/classify", json={"texts": ["row 99 GOOD"], "labels": LABELS, "model": GEMINI}
        )
        assert refusal(answer) == (402, "over_budget")
        local = submit(api, csv_of(*texts_of(3)), model=OLLAMA)
        assert ended(api, local)["rows_done"] == 3


def test_two_jobs_share_the_months_budget_without_giving_up(hold: float, tmp_path: Path) -> None:
    """While calls of the other one hold the month's room, a job waits: they may turn out cheap."""
    budget = {"monthly_budget_usd": round(1.5 * hold + 40 * ROW_USD, 9)}
    with served(tmp_path, budget, latency_s=0.05) as (api, _):
        jobs = [
            submit(api, csv_of(*(f"{name} {n} GOOD" for n in range(12))), model=GEMINI)
            for name in ("one", "two")
        ]

        assert [ended(api, job)["rows_done"] for job in jobs] == [12, 12]
