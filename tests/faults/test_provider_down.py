"""A provider that goes away under a running job: for a moment, or for longer than it retries."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lib.core.errors import Unreachable
from lib.providers.wire import from_status
from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import ACTIVE, calls_of, csv_of, ended, fields, rows_of, steer, submit, until
from tests.fakes import FakeServer
from tests.faults.soak import times
from tests.unit.builders import GEMINI, OLLAMA, VLLM

ROWS, CONCURRENCY = 150, 4
ALL = [GEMINI, OLLAMA, VLLM]


class Provider:
    """A fake that can go away, with its ports, and come back."""

    def __init__(self) -> None:
        self.fake = FakeServer(latency_s=0.05).start()
        self._ports = urlsplit(self.fake.url).port, int(self.fake.grpc_target.split(":")[1])

    def go(self) -> None:
        self.fake.close()

    def come_back(self) -> None:
        port, grpc_port = self._ports
        self.fake = FakeServer(port or 0, grpc_port, latency_s=0.05).start()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.go()


@pytest.fixture
def api(provider: Provider, tmp_path: Path) -> Iterator[Api]:
    with api_with(settings_for(provider.fake, tmp_path)) as client:
        yield client


def begin(api: Api, model: str, **spec: object) -> str:
    """A job with a third of its rows done."""
    texts = [f"row {n}" for n in range(ROWS)]
    job = submit(api, csv_of(*texts), model=model, concurrency=CONCURRENCY, **spec)
    until(lambda: fields(api, job)["rows_done"] > ROWS / 3, "a third of the rows")
    return job


def check(api: Api, job: str, found: dict[str, Any]) -> None:
    """Every row has its label, and the job's counts are the ledger's."""
    rows, calls = rows_of(api, job), calls_of(api, job)
    assert (found["rows_done"], found["rows_failed"]) == (ROWS, 0)
    assert [row["text"] for row in rows] == [f"row {n}" for n in range(ROWS)]
    assert all(row["label"] for row in rows)
    assert found["calls"] == len(calls)
    assert sum(call["finish"] == "stop" for call in calls) == ROWS


@pytest.mark.parametrize("model", ALL[: times(short=2, long=3)])
def test_a_short_absence_is_borne(api: Api, provider: Provider, model: str) -> None:
    """The rows under way are asked again after a pause; the job ends by itself, with every row."""
    job = begin(api, model)
    provider.go()
    time.sleep(1.0)
    provider.come_back()

    check(api, job, ended(api, job))


def resumed(api: Api, job: str) -> dict[str, Any]:
    """The job when it has ended; gRPC looks for a lost server only every few seconds."""
    for _ in range(5):
        assert steer(api, job, "resume").status_code == 200
        until(lambda: fields(api, job)["state"] not in ACTIVE, "an end")
        if fields(api, job)["state"] == "done":
            break
    return ended(api, job)


@pytest.mark.parametrize("model", ALL[: times(short=1, long=3)])
def test_a_long_absence_stops_the_job_and_loses_nothing(
    api: Api, provider: Provider, model: str
) -> None:
    """It fails as unreachable and keeps its rows; resumed when the provider is back, it ends."""
    job = begin(api, model, max_retries=3)
    provider.go()
    failed = ended(api, job, "failed")
    before = rows_of(api, job)
    provider.come_back()
    found = resumed(api, job)

    assert failed["error"]["code"] == "unreachable"
    assert failed["rows_failed"] == 0
    assert ROWS / 3 < failed["rows_done"] < ROWS
    labels = [row["label"] for row in rows_of(api, job)]
    assert all(old["label"] in (None, new) for old, new in zip(before, labels, strict=True))
    check(api, job, found)


def test_a_call_that_its_server_cancelled_is_asked_again() -> None:
    """A server that ends breaks its calls off with gRPC's CANCELLED: no fault of the request."""
    error = from_status(499, "Gemini", "gemini-3.1-flash-lite")

    assert isinstance(error, Unreachable)
    assert not error.costs_nothing
