"""Batch jobs over the API: what their tests share."""

import itertools
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.jobs import calls_of, column, csv_of, rows_of, run, submit, total, until
from tests.fakes import FakeServer

NUMBERS = itertools.count()
FLASH = "gemini/gemini-3.1-flash-lite"


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
