"""The product as users start it, with a job in it, killed and started again."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.browser.conftest import Site, start_site, until_healthy
from tests.fakes import FakeServer
from tests.postgres import postgres_url  # noqa: F401  (a fixture)

PASSWORD = "open sesame"
MODEL = "gemini/gemini-3.1-flash-lite"


class Client(httpx2.Client):
    """The API of a running site, as somebody with the password."""

    def __init__(self, site: Site) -> None:
        headers = {"Authorization": f"Bearer {PASSWORD}"}
        super().__init__(base_url=f"{site.url}/api", headers=headers, timeout=30)

    def begin(self, rows: int, **spec: Any) -> str:
        """A job of so many different rows; returns its id."""
        lines = [f"row {i} is {'good' if i % 3 else 'bad'}" for i in range(rows)]
        file = "text\n" + "\n".join(lines)
        asked = {"text_column": "text", "labels": ["good", "bad"], "model": MODEL, **spec}
        files, data = {"file": ("rows.csv", file.encode())}, {"spec": json.dumps(asked)}
        answer = self.post("/jobs", files=files, data=data)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job: str) -> dict[str, Any]:
        return dict(self.get(f"/jobs/{job}").json())

    def wait(
        self, job: str, until: Callable[[dict[str, Any]], bool], timeout_s: float = 60.0
    ) -> dict[str, Any]:
        end = time.monotonic() + timeout_s
        while not until(found := self.job(job)):
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found

    def results(self, job: str) -> list[dict[str, Any]]:
        text = self.get(f"/jobs/{job}/results", params={"format": "jsonl"}).text
        return [json.loads(line) for line in text.splitlines()]


def ended(job: dict[str, Any]) -> bool:
    return job["state"] not in ("queued", "running")


def more_than(rows: int) -> Callable[[dict[str, Any]], bool]:
    return lambda job: job["rows_done"] > rows


def new_database(server: str) -> str:
    """The URL of a database of its own on this Postgres."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def shared_database(postgres_url: str) -> str:  # noqa: F811 (the fixture)
    """The URL of a Postgres database that nothing else uses."""
    return new_database(postgres_url)


def settings_of(fake: FakeServer) -> dict[str, str]:
    """The environment of a site in front of this fake."""
    return {
        "APP_PASSWORD": PASSWORD, "GOOGLE_API_KEY": "k", "GEMINI_BASE_URL": fake.url,
        "GEMINI_GRPC_TARGET": fake.grpc_target, "OLLAMA_HOST": fake.url, "EMBEDDED_MODEL": "off",
    }  # fmt: skip


@pytest.fixture(scope="module")
def slow_fake() -> Iterator[FakeServer]:
    """Every answer takes 100 ms."""
    with FakeServer(latency_s=0.1) as server:
        yield server


Launch = Callable[..., Site]


@pytest.fixture
def launch(slow_fake: FakeServer, tmp_path: Path) -> Iterator[Launch]:
    """`launch("a")` runs the product with its data in folder a; again after a kill, it goes on."""
    running: list[Site] = []

    def run(folder: str, **settings: str) -> Site:
        (tmp_path / folder).mkdir(exist_ok=True)
        values = settings_of(slow_fake) | settings
        running.append(until_healthy(start_site(tmp_path / folder, **values)))
        return running[-1]

    yield run
    for site in running:
        if site.process.poll() is None:
            site.stop()
