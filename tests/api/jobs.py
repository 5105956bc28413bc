"""How the tests drive classification jobs: submit, wait for a state, fetch rows, look at calls."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx2

from tests.api.conftest import Api

LABELS = ["GOOD", "BAD"]
ACTIVE = ("queued", "running")
PATIENCE_S = 30.0
RESULT_COLUMNS = (
    "label", "confidence", "error", "model",
    "input_tokens", "output_tokens", "cost_usd", "latency_ms",
)  # fmt: skip
TOKENS = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens")


def csv_of(*texts: str, **columns: Iterable[str]) -> bytes:
    """A CSV with the column `text` and others."""
    out = io.StringIO()
    rows = zip(texts, *columns.values(), strict=True)
    csv.writer(out).writerows([("text", *columns), *rows])
    return out.getvalue().encode()


def post(api: Api, data: bytes, spec: Any, name: str = "rows.csv") -> httpx2.Response:
    """The POST as it is; a `spec` that is no text is sent as JSON."""
    given = spec if isinstance(spec, str) else json.dumps(spec)
    return api.post("/jobs", files={"file": (name, data)}, data={"spec": given})


def submit(api: Api, data: bytes, name: str = "rows.csv", **spec: Any) -> str:
    """The id of a new job over the column `text`; nothing is reused unless the spec says so."""
    answer = post(api, data, {"text_column": "text", "labels": LABELS, "reuse": False} | spec, name)
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"job_id"}
    return str(answer.json()["job_id"])


def fields(api: Api, job: str) -> dict[str, Any]:
    answer = api.get(f"/jobs/{job}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def until(wanted: Callable[[], Any], what: str) -> Any:
    """Look until it is true; the tests wait for nothing else."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := wanted():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {PATIENCE_S} s")


def ended(api: Api, job: str, state: str = "done") -> dict[str, Any]:
    """The job once it neither waits nor runs, which must be in this state."""

    def over() -> dict[str, Any] | None:
        found = fields(api, job)
        return None if found["state"] in ACTIVE else found

    found: dict[str, Any] = until(over, f"the end of {job}")
    assert found["state"] == state, found
    return found


def run(api: Api, data: bytes, **spec: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A job run to its end: its fields and its rows."""
    job = submit(api, data, **spec)
    return ended(api, job), rows_of(api, job)


def rows_of(api: Api, job: str) -> list[dict[str, Any]]:
    """Every row with its result, exact."""
    answer = api.get(f"/jobs/{job}/results", params={"format": "jsonl"})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def calls_of(api: Api, job: str) -> list[dict[str, Any]]:
    """The ledger's rows of a job."""
    return [row for row in api.app.ledger.rows() if row["job"] == job]


def steer(api: Api, job: str, verb: str, body: Any = None) -> httpx2.Response:
    return api.post(f"/jobs/{job}/{verb}", **({} if body is None else {"json": body}))


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error, which must have the shape of all errors."""
    error = answer.json()["error"]
    assert set(error) - {"retry_after_s"} == {"code", "message", "hint"}
    assert error["message"]
    assert error["hint"]
    return answer.status_code, str(error["code"])


def column(rows: Iterable[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def total(values: Iterable[Any]) -> Any:
    """Their sum; unknown as soon as one is."""
    known = list(values)
    return None if None in known else sum(known)
