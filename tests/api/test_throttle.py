"""Wrong tries are counted by address: five in a minute, whichever the door."""

import threading
from typing import Any

import pytest

from lib.core.errors import RateLimited
from lib.web import throttle as bounds
from lib.web.throttle import Throttle, client_address, is_loopback
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


def test_a_client_named_by_the_header_is_loopback() -> None:
    """What uvicorn took from a local caller's X-Forwarded-For counts as that caller."""
    scope = {"client": ("198.51.100.1", 0), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}

    assert client_address(scope) == "127.0.0.1"


def test_a_written_address_does_not_help() -> None:
    """X-Forwarded-For gives nobody fresh tries."""
    app = build()
    statuses = [
        call(app, headers=[(b"x-forwarded-for", b"198.51.100.%d" % number), *auth(b"Bearer no")])[0]
        for number in range(6)
    ]

    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("2001:db8::1", False), ("odd", False)],
)  # fmt: skip
def test_loopback_is_known_in_every_spelling(host: str, local: bool) -> None:
    """This machine, and so everybody behind its proxy, is told from a single foreign address."""
    assert is_loopback(client_address({"client": (host, 1)})) is local
