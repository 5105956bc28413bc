"""Postgres goes away in the middle and comes back: clear errors, no restart, nothing lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from lib.core.errors import StorageFailed
from lib.store.database import Database
from lib.store.ledger import Ledger
from tests.api.conftest import Api, api_with, events_of, settings_for
from tests.fakes import FakeServer
from tests.faults.conftest import Wire
from tests.unit.builders import CENT, GEMINI, paid, wait_until

BODY = {"message": "one two three", "model": GEMINI}


@pytest.fixture
def far(wire: Wire) -> Iterator[Database]:
    with closing(Database(wire.url)) as database:
        yield database


def test_a_lost_server_is_said_and_found_again(far: Database, wire: Wire) -> None:
    """Reading and writing say what is wrong at once; after it is back the first try works."""
    ledger = Ledger(far)
    ledger.open(GEMINI, "chat", CENT)
    wire.cut()
    for verb in (ledger.month, ledger.rows, lambda: ledger.open(GEMINI, "chat", CENT)):
        with pytest.raises(StorageFailed, match="does not answer") as caught:
            verb()
        assert caught.value.retry_after_s
        assert "127.0.0.1" not in str(caught.value.fields())
    wire.mend()

    ledger.open(GEMINI, "chat", CENT)
    assert len(ledger.rows()) == 2


def test_a_transaction_that_is_cut_leaves_nothing(far: Database, wire: Wire) -> None:
    """All of it or nothing, also when the line breaks in the middle."""

    def break_half_way() -> None:
        with far.write() as connection:
            connection.execute(sa.text("INSERT INTO months VALUES ('m', 1, 0)"))
            wire.cut()
            connection.execute(sa.text("INSERT INTO months VALUES ('n', 1, 0)"))

    with pytest.raises(StorageFailed):
        break_half_way()
    wire.mend()
    with far.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM months")) == 0


def test_a_restarted_server_is_found_again(far: Database, wire: Wire) -> None:
    """A Postgres that ends all sessions, as a restart does, costs at most the calls under way."""
    ledger = Ledger(far)
    ledger.open(GEMINI, "chat", CENT)
    with psycopg.connect(wire.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    ledger.open(GEMINI, "chat", CENT)
    assert len(ledger.rows()) == 2


def test_writers_lose_nothing_while_the_line_breaks_again_and_again(
    far: Database, wire: Wire
) -> None:
    """Each call that was opened ends with its row, its cost and its money, once."""
    ledger, opened, stop = Ledger(far), list[str](), threading.Event()
    cost = Decimal("0.000000123457")

    def write() -> None:
        while not stop.is_set():
            try:
                call = ledger.open(GEMINI, "job", CENT)
            except StorageFailed:
                time.sleep(0.01)
                continue
            ledger.close(call, paid(cost))
            opened.append(call)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.2)
        wire.cut()
        time.sleep(0.1)
        wire.mend()
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert wait_until(lambda: not ledger.unsettled, timeout_s=15)
    rows, month = ledger.rows(), ledger.month()
    done = [row for row in rows if row["finish"] == "stop"]

    assert len(opened) > 20
    assert {row["id"] for row in done} == set(opened)
    assert month.spent_usd == len(done) * cost
    # A row whose commit went through while its answer was lost: nobody was called for it.
    assert month.reserved_usd == (len(rows) - len(done)) * CENT


@pytest.fixture
def api(fake: FakeServer, tmp_path: Path, wire: Wire) -> Iterator[Api]:
    with api_with(settings_for(fake, tmp_path, database_url=wire.url)) as client:
        yield client


def test_the_api_tells_and_recovers(api: Api, wire: Wire, fake: FakeServer) -> None:
    """503 while it is away and no call made; an answer under way comes whole; then 200 again."""
    pieces = events_of(api, {"message": "#tokens=20 #pace=0.05", "model": GEMINI})
    first = next(pieces)
    wire.cut()
    asked = len(fake.asked)
    refused = api.post("/chat", json=BODY)
    listed = api.get("/jobs")
    *texts, last = pieces
    assert len(fake.asked) == asked
    wire.mend()
    again = api.post("/chat", json=BODY)
    assert wait_until(lambda: not api.app.ledger.unsettled, timeout_s=15)
    rows = api.app.ledger.rows()

    for answer in (refused, listed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_failed")
        assert int(answer.headers["retry-after"]) > 0
    assert len("".join(event["text"] for event in [first, *texts]).split()) == 20
    assert last["done"]
    assert again.status_code == 200
    assert [row["finish"] for row in rows] == ["stop", "stop"]
