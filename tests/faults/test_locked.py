"""A database that somebody else keeps: clear errors in time, and nothing is lost."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import sqlalchemy as sa

from lib.core.errors import Busy
from lib.store.database import Database
from lib.store.ledger import Ledger
from tests.api.conftest import Api, events_of
from tests.fakes import FakeServer
from tests.faults.conftest import BUSY_S, kept
from tests.unit.builders import CENT, GEMINI, paid, wait_until

MONTH = sa.text("INSERT INTO months VALUES (:month, 0, 0)")


@pytest.fixture
def short(database_url: str) -> Iterator[Database]:
    """A database whose writers wait only a moment."""
    opened = Database(database_url, busy_s=BUSY_S)
    yield opened
    opened.close()


def test_a_writer_gives_up_in_time(short: Database, database_url: str) -> None:
    """The error says what to do and when; as soon as the other is done, writing works again."""
    started = time.monotonic()
    with kept(database_url), pytest.raises(Busy) as caught, short.write() as connection:
        connection.execute(MONTH, {"month": "2026-11"})
    took_s = time.monotonic() - started
    with short.write() as connection:
        connection.execute(MONTH, {"month": "2026-11"})

    assert BUSY_S <= took_s < 4 * BUSY_S + 2
    assert caught.value.retry_after_s
    assert "INSERT" not in str(caught.value.fields())


def test_a_reader_does_not_notice(short: Database, database_url: str) -> None:
    """Pages go on showing what there is."""
    with kept(database_url):
        started = time.monotonic()
        Ledger(short).month()

        assert time.monotonic() - started < BUSY_S + 2


def test_many_wait_no_longer_than_one(short: Database, database_url: str) -> None:
    """Thirty who share transactions do not wait one after the other for the same lock."""
    ledger, refused = Ledger(short), []

    def call(_: int) -> None:
        with pytest.raises(Busy):
            ledger.open(GEMINI, "job", CENT)
        refused.append(1)

    started = time.monotonic()
    with kept(database_url), ThreadPoolExecutor(30) as pool:
        list(pool.map(call, range(30)))
    took_s = time.monotonic() - started

    assert len(refused) == 30
    assert took_s < 6 * BUSY_S + 2
    assert ledger.rows() == []


def test_a_queue_in_this_process_gives_up_too(sqlite_url: str) -> None:
    """Nobody waits for ever behind a thread that holds its transaction."""
    short = Database(sqlite_url, busy_s=BUSY_S)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with short.write():
            inside.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(5)
    with pytest.raises(Busy), short.write():
        pass
    leave.set()
    holder.join()
    short.close()


def test_the_end_of_a_call_is_written_later(short: Database, database_url: str) -> None:
    """Closing raises nothing; until it is written, the row is incomplete and its money held."""
    ledger = Ledger(short)
    call = ledger.open(GEMINI, "chat", CENT)
    with kept(database_url):
        ledger.close(call, paid(Decimal("0.002")))
        (row,), held = ledger.rows(), ledger.month()
        assert (ledger.unsettled, row["finish"], held.reserved_usd) == (1, "incomplete", CENT)
    assert wait_until(lambda: not ledger.unsettled, timeout_s=10)
    (row,), month = ledger.rows(), ledger.month()

    assert (row["finish"], row["cost_usd"]) == ("stop", Decimal("0.002"))
    assert (month.spent_usd, month.reserved_usd) == (Decimal("0.002"), 0)


def test_what_waits_is_written_at_the_end_of_the_process(
    short: Database, database_url: str
) -> None:
    """A server that is stopped right after the trouble still writes what it knows."""
    ledger = Ledger(short)
    call = ledger.open(GEMINI, "chat", CENT)
    with kept(database_url):
        ledger.close(call, paid(Decimal("0.002")))
    short.close()
    again = Database(database_url)
    (row,) = Ledger(again).rows()
    again.close()

    assert row["cost_usd"] == Decimal("0.002")


def test_the_api_says_busy_and_asks_nobody(api: Api, fake: FakeServer, sqlite_url: str) -> None:
    """A call that cannot be written down is not made: 503, with the seconds to wait."""
    api.app.models.all()
    before = len(fake.asked)
    with kept(sqlite_url):
        answer = api.post("/chat", json={"message": "hello", "model": GEMINI})
    error = answer.json()["error"]

    assert (answer.status_code, error["code"]) == (503, "busy")
    assert int(answer.headers["retry-after"]) == error["retry_after_s"] > 0
    assert len(fake.asked) == before
    assert api.post("/chat", json={"message": "hello", "model": GEMINI}).status_code == 200


def test_an_answer_under_way_is_not_lost(api: Api, sqlite_url: str) -> None:
    """Locked in the middle of an answer: all of it is sent, and its row is settled afterwards."""
    before = len(api.app.ledger.rows())
    events = events_of(api, {"message": "#tokens=20 #pace=0.05", "model": GEMINI})
    first = next(events)
    with kept(sqlite_url):
        *texts, last = events
    text = "".join(event["text"] for event in [first, *texts])
    assert wait_until(lambda: not api.app.ledger.unsettled, timeout_s=10)
    rows = api.app.ledger.rows()[before:]

    assert text.split() == [f"w{n}" for n in range(1, 21)]
    assert (last["done"], last["finish"]) == (True, "stop")
    assert [(row["finish"], row["output_tokens"]) for row in rows] == [("stop", 20)]
    assert rows[0]["cost_usd"] == Decimal(str(last["cost_usd"]))
    assert api.app.ledger.month().reserved_usd == 0
