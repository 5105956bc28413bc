"""Two machines on one Postgres are one product: jobs, chats, money and logins are everybody's."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from decimal import Decimal

import httpx2
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from lib.store.conversations import Conversations
from lib.store.database import Database
from lib.store.ledger import Ledger
from tests.bench.visitor import Visitor, log_in
from tests.browser.conftest import Site, start_site, until_healthy
from tests.fakes import FakeServer
from tests.jobs.conftest import (
    MODEL,
    PASSWORD,
    Client,
    ended,
    more_than,
    new_database,
    settings_of,
)
from tests.unit.builders import OLLAMA, paid, wait_until

ROWS, CONCURRENCY, BUDGET_USD = 1200, 40, Decimal(1)
CALLS, ROOM = 15, 10


@dataclass(frozen=True)
class Machine:
    """A running site and the models that only it asks."""

    site: Site
    fake: FakeServer

    def client(self) -> Client:
        return Client(self.site)


@dataclass(frozen=True)
class Pair:
    first: Machine
    second: Machine
    database_url: str

    @property
    def asked(self) -> tuple[int, int]:
        """How many calls each machine made so far."""
        return len(self.first.fake.asked), len(self.second.fake.asked)


@pytest.fixture(scope="module")
def pair(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Each with its own DATA_DIR and models; password, budget and database are common."""
    url = new_database(postgres_url)
    common = {"DATABASE_URL": url, "MONTHLY_BUDGET_USD": str(BUDGET_USD), "MODEL_TIMEOUT_S": "2"}
    with ExitStack() as opened:
        fakes = [opened.enter_context(FakeServer(latency_s=0.05)) for _ in range(2)]
        sites = []
        for fake in fakes:
            folder = tmp_path_factory.mktemp("machine")
            sites.append(start_site(folder, **settings_of(fake), **common))
            opened.callback(sites[-1].stop)
        first, second = map(Machine, map(until_healthy, sites), fakes)
        yield Pair(first, second, url)


def status(machine: Machine, cookie: str) -> int:
    return httpx2.get(f"{machine.site.url}/api/jobs", headers={"Cookie": cookie}).status_code


def test_a_login_is_good_everywhere_and_so_is_its_end(pair: Pair) -> None:
    """Who logged in at one is known at the other; a log-out there ends it here within seconds."""
    cookie, other = (log_in(pair.first.site.url, PASSWORD) for _ in range(2))
    before = [status(machine, cookie) for machine in (pair.first, pair.second)]
    left = httpx2.post(f"{pair.second.site.url}/logout", headers={"Cookie": cookie})

    assert (before, left.status_code) == ([200, 200], 303)
    assert status(pair.second, cookie) == 401
    assert wait_until(lambda: status(pair.first, cookie) == 401)
    assert status(pair.first, other) == 200


def page(machine: Machine, conversation: str) -> bytes:
    """All the chat page sends to somebody who opens a conversation by its address."""
    cookie = {"Cookie": log_in(machine.site.url, PASSWORD)}
    address = f"{machine.site.url.replace('http', 'ws', 1)}/_stcore/stream"
    with connect(
        address, additional_headers=cookie, subprotocols=["streamlit"], max_size=None
    ) as socket:
        message = BackMsg()
        message.rerun_script.query_string = f"chat={conversation}"
        socket.send(message.SerializeToString())
        seen = b""
        for raw in socket:
            assert isinstance(raw, bytes)
            seen += raw
            if ForwardMsg.FromString(raw).WhichOneof("type") == "script_finished":
                break
    return seen


async def say(machine: Machine, text: str, last: str) -> None:
    """Send a prompt from the chat page and wait for the answer's last word."""
    cookie = log_in(machine.site.url, PASSWORD)
    visiting = Visitor(machine.site.url, cookie, f"model={OLLAMA}")
    async with asyncio.timeout(20), visiting as visitor:
        await visitor.ask(text, last, last)


def test_a_chat_begun_at_one_opens_at_the_other(pair: Pair) -> None:
    """Conversations stand in the database; an address leads to one of them on any machine."""
    title = "Where do swifts sleep"
    with ThreadPoolExecutor(1) as apart:  # Playwright's loop may run in this thread
        apart.submit(asyncio.run, say(pair.first, f"{title} #tokens=30", "w30")).result()
    with closing(Database(pair.database_url)) as database:
        (entry,) = Conversations(database).recent(title)

    assert wait_until(lambda: title.encode() in page(pair.second, entry.id))


def test_one_budget_for_both(pair: Pair) -> None:
    """Of calls that both make at once exactly as many go out as there is money for."""
    body = {"message": "hello #fault=hang", "model": MODEL, "max_tokens": 100}
    with closing(Database(pair.database_url)) as database:
        ledger = Ledger(database)
        worst = reserved_by_one(pair, ledger, body)
        month = ledger.month()
        left = BUDGET_USD - month.spent_usd - month.reserved_usd
        ledger.close(ledger.open(MODEL, "chat", Decimal(0)), paid(left - ROOM * worst))
    before = sum(pair.asked)
    with (
        pair.first.client() as first,
        pair.second.client() as second,
        ThreadPoolExecutor(2 * CALLS) as pool,
    ):
        callers = [first, second] * CALLS
        answers = list(pool.map(lambda client: client.post("/chat", json=body), callers))
        budgets = [client.get("/usage").json()["budget"] for client in (first, second)]
    codes = [answer.json()["error"]["code"] for answer in answers]

    assert sorted(codes) == ["over_budget"] * (2 * CALLS - ROOM) + ["timed_out"] * ROOM
    assert sum(pair.asked) - before == ROOM
    assert budgets[0] == budgets[1]
    assert budgets[0]["left_usd"] == 0


def reserved_by_one(pair: Pair, ledger: Ledger, body: dict[str, object]) -> Decimal:
    """What such a call holds: one whose cost stays unknown keeps it."""
    before = ledger.month().reserved_usd
    with pair.first.client() as client:
        client.post("/chat", json=body)
    return ledger.month().reserved_usd - before


def wait_for_quiet(pair: Pair) -> None:
    """A machine notices a pause at another one within half a second, and finishes its calls."""
    before = (-1, -1)
    while before != pair.asked:
        before = pair.asked
        time.sleep(1.0)


def test_a_job_is_everybodys(pair: Pair) -> None:
    """Begun at one, it is seen, paused and resumed at the other; both work on it, and each row is
    asked once. Both tell the same of it, its file included, and of what it took."""
    before = pair.asked
    with pair.first.client() as first, pair.second.client() as second:
        job = first.begin(ROWS, concurrency=CONCURRENCY, model=OLLAMA)
        second.wait(job, more_than(200))
        second.post(f"/jobs/{job}/pause")
        assert first.job(job)["state"] == "paused"
        wait_for_quiet(pair)
        second.post(f"/jobs/{job}/resume")
        found = first.wait(job, ended)
        asked = [now - then for now, then in zip(pair.asked, before, strict=True)]

        assert (found["state"], found["rows_done"], found["error"]) == ("done", ROWS, None)
        assert sum(asked) == ROWS
        assert min(asked) > 0
        assert first.results(job) == second.results(job)
        assert len(second.results(job)) == ROWS
        assert wait_until(lambda: first.get("/usage").json() == second.get("/usage").json())
        assert second.job(job)["calls"] == ROWS
