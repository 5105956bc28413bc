"""How much at once: bounded answers and queues say «busy» before they cost anything."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from lib.core.errors import Busy, RateLimited
from lib.web import throttle as bounds
from lib.web.pool import Pool
from lib.web.throttle import Refusals
from lib.work import generation
from tests.api.conftest import Api, api_with, settings_for
from tests.api.doors import BEARER, auth, build, call, cookie
from tests.browser.conftest import PASSWORD, Site, start_site, until_healthy
from tests.fakes import FakeServer
from tests.unit.builders import Clock

SLOW = {"model": "ollama/gemma3:4b", "message": "#slow=1.5 hello"}


@pytest.fixture
def small(fake: FakeServer, tmp_path: Path, monkeypatch) -> Iterator[Api]:
    """A server that writes two answers at once."""
    monkeypatch.setattr(generation, "_places", threading.BoundedSemaphore(2))
    with api_with(settings_for(fake, tmp_path)) as api:
        yield api


def calls_in_ledger(api: Api) -> int:
    return int(api.get("/usage").json()["calls"])


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_one_answer_too_many_is_busy_and_costs_nothing(small: Api, path: str) -> None:
    """The third answer is 503 with Retry-After and no call of the ledger; later it is served."""
    body = {**SLOW, "messages": [{"role": "user", "content": SLOW["message"]}]}
    body = {name: body[name] for name in body if name != "message"}

    def ask(_: int) -> httpx2.Response:
        return small.post(path, json=body)

    with ThreadPoolExecutor(3) as threads:
        answers = sorted(threads.map(ask, range(3)), key=lambda answer: answer.status_code)
    refused = answers[-1]

    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "busy"
    assert calls_in_ledger(small) == 2
    assert ask(0).status_code == 200


def test_an_answer_that_fails_gives_its_place_back(small: Api) -> None:
    """However answers end, their places are free again."""
    for fault in ("rate_limited", "server_error", "cut") * 2:
        small.post("/chat", json={**SLOW, "message": f"#fault={fault}"})

    assert small.post("/chat", json=SLOW).status_code == 200


def test_two_hundred_at_once_are_all_served(fake: FakeServer, tmp_path: Path) -> None:
    """What a crowd sends in good faith is answered, every call of it."""
    body = {"model": "ollama/gemma3:4b", "message": "hello", "max_tokens": 5}
    with api_with(settings_for(fake, tmp_path)) as api, ThreadPoolExecutor(200) as threads:
        limits = httpx2.Limits(max_connections=200)
        with httpx2.Client(headers=api.headers, timeout=60, limits=limits) as client:
            url = f"{api.base_url}chat"
            asked = [threads.submit(client.post, url, json=body) for _ in range(200)]
            statuses = {one.result().status_code for one in asked}
        counted = calls_in_ledger(api)

    assert statuses == {200}
    assert counted == 200


def test_a_full_queue_refuses_at_once() -> None:
    """Beyond its threads and its queue a pool says busy; what was let in is done."""
    go = threading.Event()

    async def crowd() -> list[object]:
        pool = Pool(threads=2, waiting=3)
        tasks = [asyncio.create_task(pool.run(go.wait, 5)) for _ in range(6)]
        await asyncio.sleep(0.1)
        refused = [task for task in tasks if task.done()]
        go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(refused) == 1
        assert await pool.run(len, "abc") == 3
        return answers

    answers = asyncio.run(crowd())

    assert answers[:5] == [True] * 5
    assert isinstance(answers[5], Busy)
    assert answers[5].retry_after_s


def test_a_pool_gives_the_places_of_errors_back() -> None:
    """Work that fails passes its error on and leaves the queue."""

    def fail() -> None:
        raise Busy("inner")

    async def often() -> None:
        pool = Pool(threads=1, waiting=0)
        for _ in range(3):
            with contextlib.suppress(Busy):
                await pool.run(fail)
        assert await pool.run(len, "abc") == 3

    asyncio.run(often())


def test_calls_without_a_login_have_their_number() -> None:
    """The bucket of an address empties, refills steadily, and is nobody else's."""
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(bounds.REFUSALS):
        refusals.count("a")
    with pytest.raises(RateLimited) as limited:
        refusals.count("a")
    refusals.count("b")
    clock.time += 0.11
    for _ in range(5):
        refusals.count("a")

    assert limited.value.retry_after_s == 1
    with pytest.raises(RateLimited):
        refusals.count("a")
    clock.time += 3600
    refusals.count("a")


def test_the_refusals_forget() -> None:
    """It remembers a bounded number of addresses; who knocked last is kept."""
    refusals = Refusals(Clock())
    for number in range(bounds.MAX_ADDRESSES + 5):
        refusals.count(str(number))

    assert len(refusals._left) == bounds.MAX_ADDRESSES
    assert str(bounds.MAX_ADDRESSES + 4) in refusals._left


def test_a_flood_of_strangers_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its number an address without a login gets 429; whoever has one is never counted."""
    monkeypatch.setattr(bounds, "REFUSALS", 3)
    monkeypatch.setattr(bounds, "REFUSALS_PER_S", 0.0)
    app = build()
    statuses = [call(app)[0] for _ in range(5)]
    status, headers, _ = call(app)

    assert statuses == [401, 401, 401, 429, 429]
    assert (status, headers["retry-after"]) == (429, "1")
    assert call(app, type="websocket")[0] == 1008
    assert call(app, headers=cookie())[0] == 200
    assert call(app, headers=auth(BEARER))[0] == 200
    assert call(app, "/login")[0] == 200
    assert call(app, client=("198.51.100.1", 1))[0] == 401


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("product")
    site = until_healthy(start_site(folder, APP_PASSWORD=PASSWORD, EMBEDDED_MODEL="off"))
    yield site
    site.stop()


def test_half_open_connections_do_not_shut_the_door(product: Site) -> None:
    """As users start it: 300 half requests wait, others are answered, then those are gone."""
    host, port = product.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as stack:
        peers = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=15))
            for _ in range(300)
        ]
        for peer in peers:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        started = time.monotonic()
        answer = httpx2.get(f"{product.url}/healthz", timeout=5)
        took_s = time.monotonic() - started
        ends = [peer.recv(100) for peer in peers]
        closed_s = time.monotonic() - started

    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert took_s < 2
    assert ends == [b""] * 300
    assert closed_s < 15


def test_thousands_of_calls_in_a_row(product: Site) -> None:
    """One program that calls again and again is never refused."""
    bearer = {"Authorization": f"Bearer {PASSWORD}"}
    with httpx2.Client(base_url=product.url, headers=bearer) as client:
        statuses = {client.get("/api/docs").status_code for _ in range(2_000)}

    assert statuses == {200}
