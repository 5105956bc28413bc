"""Several hosts under a running job: one of them dies and comes back, or is good for nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import calls_of, csv_of, ended, fields, rows_of, submit, until
from tests.fakes import FakeServer
from tests.unit.builders import OLLAMA, VLLM

ROWS, CONCURRENCY, LATENCY_S = 240, 8, 0.05
REST_S = 0.3

Serve = Callable[[FakeServer, FakeServer], AbstractContextManager[Api]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """The API of an app with two hosts of each kind."""

    def serve(one: FakeServer, other: FakeServer) -> AbstractContextManager[Api]:
        urls = one.url, other.url
        settings = settings_for(
            one, tmp_path,
            ollama_host=",".join(urls), vllm_base_url=",".join(f"{url}/v1" for url in urls),
        )  # fmt: skip
        return api_with(settings)

    return serve


@pytest.fixture
def hosts() -> Iterator[tuple[FakeServer, FakeServer]]:
    with FakeServer(latency_s=LATENCY_S) as one, FakeServer(latency_s=LATENCY_S) as other:
        yield one, other


def begin(api: Api, model: str, **spec: object) -> str:
    texts = [f"row {n}" for n in range(ROWS)]
    return submit(api, csv_of(*texts), model=model, concurrency=CONCURRENCY, **spec)


def done(api: Api, job: str, rows: int) -> None:
    until(lambda: fields(api, job)["rows_done"] >= rows, f"{rows} rows")


@pytest.mark.parametrize("model", [OLLAMA, VLLM])
def test_a_host_that_dies_and_comes_back_costs_no_row(
    hosts: tuple[FakeServer, FakeServer],
    serve: Serve,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the answers it was writing are asked again, elsewhere; once back it gets its share."""
    monkeypatch.setattr("lib.providers.breaker.FIRST_REST_S", REST_S)
    dying, steady = hosts
    with serve(dying, steady) as api:
        job = begin(api, model)
        done(api, job, ROWS // 6)
        dying.close()
        done(api, job, ROWS // 2)
        port = urlsplit(dying.url).port or 0
        with FakeServer(port, latency_s=LATENCY_S) as back:
            found = ended(api, job)
            rows, calls = rows_of(api, job), calls_of(api, job)

    broken = [call for call in calls if call["error"]]
    asked = [len(one.asked) for one in (dying, steady, back)]
    assert (found["rows_done"], found["rows_failed"]) == (ROWS, 0)
    assert all(row["label"] for row in rows)
    assert found["calls"] == len(calls) == ROWS + len(broken)
    assert {call["error"] for call in broken} <= {"unreachable"}
    assert len(broken) <= CONCURRENCY
    # A call may have been sent to the dying host without being read there.
    assert ROWS <= sum(asked) <= len(calls)
    assert asked[2] > 0


def test_a_host_that_is_good_for_nothing_fails_no_row(serve: Serve) -> None:
    """It turns every call away: the rows it got are asked elsewhere, no row meets it twice."""
    with (
        FakeServer(latency_s=0.01) as good,
        FakeServer(failing=1.0) as bad,
        serve(good, bad) as api,
    ):
        job = begin(api, OLLAMA, max_retries=1)
        found = ended(api, job)

    assert (found["rows_done"], found["rows_failed"]) == (ROWS, 0)
    assert 1 <= len(bad.asked) <= CONCURRENCY


def test_with_all_hosts_gone_the_job_stops_and_loses_nothing(
    hosts: tuple[FakeServer, FakeServer], serve: Serve
) -> None:
    """As with a single host: failed as unreachable, no row is spoilt."""
    with serve(*hosts) as api:
        job = begin(api, OLLAMA, max_retries=2)
        done(api, job, ROWS // 6)
        for host in hosts:
            host.close()
        failed = ended(api, job, "failed")

    assert failed["error"]["code"] == "unreachable"
    assert failed["rows_failed"] == 0
