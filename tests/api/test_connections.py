"""More connections than there are places: who goes, who is told so, who stays."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.api.impatient import (
    HEAD,
    INSIDE,
    half_open,
    healthy,
    site,
)


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[str, int]]:
    with site() as address:
        yield address


def occupy(here: tuple[str, int], count: int, stack: ExitStack) -> None:
    """Take so many places by answers that do not end."""
    for _ in range(count):
        peer = stack.enter_context(socket.create_connection(here, timeout=5))
        peer.sendall(INSIDE % b"endless" + b"Content-Length: 0\r\n\r\n")
        assert b"200 OK" in peer.recv(1000)


def test_those_who_wait_make_room(here: tuple[str, int]) -> None:
    """With all places taken by half requests, an old one of them goes and a whole one is served."""
    with ExitStack() as stack:
        peers = half_open(here, 20, stack)
        time.sleep(0.1)

        assert healthy(here)
        gone, _, _ = select.select(peers, [], [], 5)  # those of one moment are equally old
        assert gone
        assert all(peer.recv(10) == b"" for peer in gone)


@pytest.mark.parametrize("head", [HEAD % b"login", INSIDE % b"length"], ids=["refused", "read"])
def test_who_sends_no_body_makes_room_too(here: tuple[str, int], head: bytes) -> None:
    """Who announces a body and never sends it cannot hold a place that somebody else wants."""
    with ExitStack() as stack:
        for _ in range(20):
            peer = stack.enter_context(socket.create_connection(here, timeout=5))
            peer.sendall(head + b"Content-Length: 5000\r\n\r\n")
        time.sleep(0.3)

        assert healthy(here)


def test_when_all_are_busy_the_next_is_told_so(here: tuple[str, int]) -> None:
    """Nobody whose request is being answered is thrown out for a newcomer, who gets 503."""
    with ExitStack() as stack:
        occupy(here, 8, stack)
        answer = httpx2.get("http://{}:{}/healthz".format(*here))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"]["code"] == "busy"


@pytest.fixture
def far(monkeypatch) -> Iterator[tuple[str, int]]:
    """A site to which the addresses of loopback are foreign ones, each with its share."""
    monkeypatch.setattr("lib.web.connections.is_loopback", lambda address: address == "")
    with site() as address:
        yield address


def test_one_address_has_its_share(far: tuple[str, int]) -> None:
    """Beyond its share an address whose connections are all busy is told so."""
    with ExitStack() as stack:
        occupy(far, 4, stack)

        assert httpx2.get("http://{}:{}/healthz".format(*far)).status_code == 503


def test_one_who_idles_shuts_no_neighbour_out(far: tuple[str, int]) -> None:
    """Idle connections of an address make room for its next one, and nobody else's do."""
    with ExitStack() as stack:
        other = stack.enter_context(socket.create_connection(far, 5, ("127.0.0.2", 0)))
        time.sleep(0.05)
        peers = half_open(far, 4, stack)
        time.sleep(0.05)

        assert healthy(far)
        gone, _, _ = select.select([other, *peers], [], [], 0.2)
        assert len(gone) == 1
        assert other not in gone


def test_no_server_header(here: tuple[str, int]) -> None:
    """What serves this, and in which version, is nobody's business."""
    assert "server" not in httpx2.get("http://{}:{}/healthz".format(*here)).headers
