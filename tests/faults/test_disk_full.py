"""A full disk: clear words, no answer lost, and everything goes on when there is room again."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lib.store.database import Database
from lib.store.ledger import Ledger
from tests.browser.conftest import Site, start_site, until_healthy
from tests.fakes import FakeServer
from tests.faults import disks
from tests.faults.disks import Disk
from tests.jobs.conftest import MODEL, PASSWORD, Client, ended, more_than
from tests.unit.builders import wait_until

with tempfile.TemporaryDirectory() as _folder:
    KINDS = disks.kinds(Path(_folder))
BODY = {"message": "one two three", "model": MODEL}
ASK = {"message": "#tokens=30 #pace=0.05", "model": MODEL, "stream": True}


@pytest.fixture(scope="module", params=KINDS)
def disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Disk]:
    with KINDS[request.param](tmp_path_factory.mktemp("disk")) as disk:
        yield disk


@pytest.fixture(scope="module")
def site(disk: Disk, fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    values = {
        "APP_PASSWORD": PASSWORD, "GOOGLE_API_KEY": "k", "GEMINI_BASE_URL": fake.url,
        "GEMINI_GRPC_TARGET": fake.grpc_target, "OLLAMA_HOST": fake.url, "EMBEDDED_MODEL": "off",
        "DATA_DIR": str(disk.folder),
    }  # fmt: skip
    site = until_healthy(start_site(tmp_path_factory.mktemp("site"), **values))
    yield site
    if site.process.poll() is None:
        site.process.kill()
        site.process.wait()


def events(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


def test_a_full_disk_loses_nothing(site: Site, disk: Disk, fake: FakeServer) -> None:
    """In mid-answer the disk fills up: the answer comes whole, new ones are refused with words.

    With room again the next call works without a restart, and the answer's row is settled.
    """
    before = len(settled(disk))
    with Client(site) as client:
        assert client.post("/chat", json=BODY).status_code == 200
        with client.stream("POST", "/chat", json=ASK) as answer:
            pieces = events(answer)
            first = next(pieces)
            disk.fill(site)
            *texts, last = pieces
        asked = len(fake.asked)
        refused = client.post("/chat", json=BODY)
        looks = [client.get("/models").status_code, httpx2.get(f"{site.url}/healthz").status_code]
        assert len(fake.asked) == asked
        disk.empty(site)
        assert wait_until(lambda: client.post("/chat", json=BODY).status_code == 200, 15)

    text = "".join(event["text"] for event in [first, *texts])
    error = refused.json()["error"]
    assert text.split() == [f"w{n}" for n in range(1, 31)]
    assert (last["done"], last["finish"]) == (True, "stop")
    assert (refused.status_code, error["code"]) == (503, "storage_failed")
    assert "disk" in error["message"]
    assert str(disk.folder) not in refused.text
    assert looks == [200, 200]
    rows = settled(disk)
    assert [row["finish"] for row in rows] == ["stop"] * len(rows)
    assert len(rows) - before == len(fake.asked) - (asked - 2)
    assert Decimal(str(last["cost_usd"])) in [row["cost_usd"] for row in rows]


def settled(disk: Disk) -> list[dict[str, Any]]:
    """The ledger's rows once no call is open; its sums are right then."""
    with closing(Database(f"sqlite:///{disk.folder}/playground.db")) as database:
        ledger = Ledger(database)
        assert wait_until(lambda: not ledger.month().reserved_usd, timeout_s=15)
        rows = ledger.rows()
        assert ledger.month().spent_usd == sum(row["cost_usd"] for row in rows)
    return rows


def test_a_job_waits_for_room(site: Site, disk: Disk, fake: FakeServer) -> None:
    """It asks nothing while no answer can be stored, and ends by itself when there is room."""
    rows, concurrency, before = 900, 8, len(fake.asked)
    calls = len(settled(disk))
    with Client(site) as client:
        job = client.begin(rows, concurrency=concurrency)
        client.wait(job, more_than(100))
        disk.fill(site)
        time.sleep(1.5)
        asked = len(fake.asked)
        time.sleep(1.5)
        assert len(fake.asked) <= asked + 1
        disk.empty(site)
        found = client.wait(job, ended)
        results = client.results(job)

    assert (found["state"], found["rows_done"], found["rows_failed"]) == ("done", rows, 0)
    assert all(row["label"] for row in results)
    assert rows <= len(fake.asked) - before <= rows + concurrency
    assert len(settled(disk)) - calls == found["calls"]
