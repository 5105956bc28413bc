"""Wrong tries are counted by address: five in a minute, whichever the door."""

import threading
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lib.core.errors import RateLimited
from lib.web import throttle as bounds
from lib.web.throttle import Throttle, client_address, is_loopback
from tests.api.conftest import serving
from tests.api.doors import (
    BEARER,
    PASSWORD,
    WRONG,
    auth,
    browser,
    build,
    call,
    cookie,
    error_of,
    in_threads,
)
from tests.unit.builders import Clock


async def peer(request: Request) -> PlainTextResponse:
    """The scheme and the caller's address as the app is told them."""
    return PlainTextResponse(f"{request.scope['scheme']} {client_address(request.scope)}")


def test_the_sixth_wrong_try_and_the_right_one_after_it_wait() -> None:
    """Five wrong bearers are 401, the sixth 429, the right one too until the minute is over."""
    clock = Clock()
    app = build(throttle=Throttle(clock))
    statuses = [call(app, headers=auth(b"Bearer wrong"))[0] for _ in range(6)]
    clock.time += 17.5
    status, headers, body = call(app, headers=auth(BEARER))

    assert statuses == [401] * 5 + [429]
    assert (status, headers["retry-after"]) == (429, "43")
    assert error_of(body)["code"] == "rate_limited"
    assert error_of(body)["retry_after_s"] == 43
    assert call(app, type="websocket", headers=auth(BEARER))[0] == 1008
    assert call(app, headers=cookie())[0] == 200
    assert call(app, headers=[*cookie(), *auth(b"Bearer wrong")])[0] == 200
    assert call(app)[0] == 401
    assert call(app, headers=auth(BEARER), client=("198.51.100.1", 1))[0] == 200
    clock.time += 43
    assert call(app, headers=auth(BEARER))[0] == 200


def test_right_tries_neither_count_nor_clear() -> None:
    """A right password among wrong ones passes, and leaves the count of wrong ones as it is."""
    app = build(throttle=Throttle(Clock()))
    values = [b"Bearer wrong"] * 5 + [BEARER] * 9 + [b"Bearer wrong"]

    assert [call(app, headers=auth(value))[0] for value in values] == [401] * 5 + [200] * 9 + [429]


def test_form_link_bearer_and_websocket_count_together() -> None:
    """All doors share one count per address."""
    app = build(throttle=Throttle(Clock()))
    client = browser(app)
    statuses = [
        client.post("/login", data=WRONG).status_code,
        client.get("/login?token=wrong").status_code,
        call(app, type="websocket", headers=auth(b"Bearer wrong"))[0],
        call(app, headers=auth(b"Bearer "))[0],
        client.post("/login", data={"password": ""}).status_code,
        client.post("/login", data=WRONG).status_code,
    ]
    late = client.post("/login", data={"password": PASSWORD})

    assert statuses == [401, 401, 1008, 401, 401, 429]
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "wait 60 seconds" in late.text
    assert "set-cookie" not in late.headers


def test_the_minute_slides() -> None:
    """A try stops counting when it is a minute old, one by one."""
    clock = Clock()
    throttle = Throttle(clock)

    def wrong() -> bool:
        return throttle.attempt("a", lambda: False)

    for _ in range(5):
        wrong()
        clock.time += 9
    with pytest.raises(RateLimited) as sixth:
        wrong()
    clock.time += 14.5
    with pytest.raises(RateLimited) as still:
        throttle.attempt("a", lambda: True)
    clock.time += 0.5

    assert (sixth.value.retry_after_s, still.value.retry_after_s) == (15, 1)
    assert throttle.attempt("a", lambda: True)
    with pytest.raises(RateLimited):
        wrong()


def test_a_throttled_secret_is_not_looked_at() -> None:
    """While an address waits, its tries are not compared, so a login link is not used up either."""
    throttle = Throttle(Clock())
    looked: list[int] = []

    def look() -> bool:
        looked.append(1)
        return False

    for _ in range(9):
        try:
            throttle.attempt("a", look)
        except RateLimited:
            continue

    assert len(looked) == 6


def test_the_throttle_forgets() -> None:
    """It remembers a bounded number of addresses, and none for longer than needed."""
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(bounds.MAX_ADDRESSES + 500):
        throttle.attempt(f"address {number}", lambda: False)
    crowded = len(throttle._wrong)
    clock.time += 60
    throttle.attempt("later", lambda: False)

    assert crowded == bounds.MAX_ADDRESSES
    assert list(throttle._wrong) == ["later"]


def test_tries_in_parallel_do_not_slip_through() -> None:
    """However many threads try at once, six secrets are looked at."""
    throttle = Throttle(Clock())
    looked: list[int] = []

    def look() -> bool:
        looked.append(1)
        threading.Event().wait(0.002)
        return False

    in_threads(lambda: throttle.attempt("a", look))

    assert len(looked) == 6


@pytest.mark.parametrize(
    ("client", "counted"),
    [(("203.0.113.5", 1), "203.0.113.5"), (("::ffff:203.0.113.5", 1), "203.0.113.5"),
     (("2001:db8::1", 1), "20010db800000000::/64"), (None, "unknown"), (("odd", 1), "odd"),
     (("2001:db8::ffff:1:2:3", 1), "20010db800000000::/64")],
)  # fmt: skip
def test_addresses_are_counted_by_what_their_owner_holds(client: Any, counted: str) -> None:
    """IPv4 counts alone, also inside IPv6; an IPv6 network of one customer counts as one."""
    assert client_address({"client": client, "headers": []}) == counted


@pytest.mark.parametrize("claim", ["198.51.100.{}", "198.51.100.{}:4711", "[2001:db8:{}::1]:1"])
def test_a_written_address_does_not_help(claim: str) -> None:
    """X-Forwarded-For gives nobody fresh tries, though uvicorn would believe it from loopback."""
    with serving(build()) as url:
        statuses = [
            httpx2.get(
                url, headers={"Authorization": "Bearer no", "X-Forwarded-For": claim.format(number)}
            ).status_code
            for number in range(6)
        ]

    assert statuses == [401] * 5 + [429]


def test_a_written_address_does_not_help_a_websocket() -> None:
    """Its wrong tries count by the real peer too."""
    with serving(build()) as url:
        for number in range(6):
            headers = {"Authorization": "Bearer no", "X-Forwarded-For": f"198.51.100.{number}:1"}
            with pytest.raises(InvalidStatus):
                connect(url.replace("http", "ws"), additional_headers=headers)

        assert httpx2.get(url, headers={"Authorization": "Bearer no"}).status_code == 429


def test_a_proxy_may_still_say_that_it_speaks_https() -> None:
    """X-Forwarded-Proto is believed of loopback, whatever X-Forwarded-For stands beside it."""
    headers = {"X-Forwarded-For": "198.51.100.1:4711", "X-Forwarded-Proto": "https"}
    with serving(Starlette(routes=[Route("/", peer)])) as url:
        answer = httpx2.get(url, headers=headers).text

    assert answer == "https 127.0.0.1"


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("2001:db8::1", False), ("odd", False)],
)  # fmt: skip
def test_loopback_is_known_in_every_spelling(host: str, local: bool) -> None:
    """This machine, and so everybody behind its proxy, is told from a single foreign address."""
    assert is_loopback(client_address({"client": (host, 1)})) is local
