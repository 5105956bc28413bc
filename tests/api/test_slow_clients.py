"""Slow, silent and numerous clients, over real sockets: none holds more than its place, or long."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import httpx2
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from lib.web import shell
from tests.api.doors import COOKIE
from tests.api.impatient import HEAD, INSIDE, left, site


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[str, int]]:
    with site() as address:
        yield address


def dribbled(peer: socket.socket, parts: Sequence[bytes], every_s: float) -> float:
    """Send them one by one until the server hangs up; returns the seconds that took."""
    started = time.monotonic()
    peer.settimeout(every_s)
    for part in parts:
        try:
            peer.sendall(part)
            if not peer.recv(1000):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


@pytest.mark.parametrize("head", [b"", b"GET /he", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(here: tuple[str, int], head: bytes) -> None:
    """Whoever sends nothing, or half a head, is cut off in time."""
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(head)
        started = time.monotonic()

        assert peer.recv(1000) == b""
        assert 0.4 < time.monotonic() - started < 2


def test_a_head_in_drops_gains_no_time(here: tuple[str, int]) -> None:
    """A header byte now and then keeps nothing open: the head as a whole has its time."""
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nX: ")

        assert 0.3 < dribbled(peer, [b"y"] * 100, 0.1) < 2


def test_a_kept_connection_is_no_way_around(here: tuple[str, int]) -> None:
    """After an answer the next head has its time too, uvicorn's own clock or not."""
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in peer.recv(2000)

        assert 0.3 < dribbled(peer, [b"G", *[b"E"] * 100], 0.1) < 2


def test_many_requests_on_one_connection(here: tuple[str, int]) -> None:
    """A busy connection is kept for as long as requests come."""
    with httpx2.Client(base_url="http://{}:{}".format(*here)) as client:
        for _ in range(8):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.1)


def test_a_body_that_does_not_come_is_refused(here, monkeypatch) -> None:
    """Silence in a body, or a drop now and then, is 408 with our own words."""
    monkeypatch.setattr(shell, "PATIENCE_S", 0.5)
    for drops in ([], [b"y"] * 100):
        with socket.create_connection(here, timeout=5) as peer:
            peer.sendall(INSIDE % b"length" + b"Content-Length: 1000\r\n\r\n")
            dribbled(peer, drops[:4], 0.1)
            peer.settimeout(5)
            started = time.monotonic()
            answer = peer.recv(4000)
            assert b"408 Request Timeout" in answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"
            assert peer.recv(1000) == b""  # and then the connection is closed
            assert time.monotonic() - started < 2


def test_a_body_over_a_slow_line_is_read(here, monkeypatch) -> None:
    """Two kilobytes a second are slow, not hostile: it may take longer than the patience."""
    monkeypatch.setattr(shell, "PATIENCE_S", 0.5)
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(INSIDE % b"length" + b"Content-Length: 4096\r\n\r\n")
        for _ in range(8):
            peer.sendall(b"y" * 512)
            time.sleep(0.2)

        assert peer.recv(4000).endswith(b"4096")


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_a_body_without_a_login_is_never_read(here: tuple[str, int], framing: bytes) -> None:
    """A gigabyte from a stranger is refused at its head; the rest is dropped, then cut off."""
    part = b"10000\r\n" + b"y" * 65_536 + b"\r\n" if b"chunked" in framing else b"y" * 65_536
    sent = 0
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(HEAD % b"length" + framing + b"\r\n\r\n")
        answer = peer.recv(4000)
        with suppress(ConnectionResetError, BrokenPipeError):
            while sent < 10**9:
                peer.sendall(part)
                sent += len(part)

    assert b"401 Unauthorized" in answer
    assert sent < 50 * 2**20


def test_a_small_body_without_a_login_keeps_the_connection(here: tuple[str, int]) -> None:
    """A refused call costs an honest client neither its answer nor its connection."""
    with socket.create_connection(here, timeout=5) as peer:
        for _ in range(3):
            peer.sendall(HEAD % b"length" + b"Content-Length: 4\r\n\r\n")
            time.sleep(0.05)
            peer.sendall(b"body")
            assert b"401 Unauthorized" in peer.recv(4000)


def test_the_rest_of_a_refused_body_has_its_time(here: tuple[str, int]) -> None:
    """Drops of a body nobody wants do not keep a connection open."""
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(HEAD % b"length" + b"Content-Length: 1000000\r\n\r\n")
        assert b"401 Unauthorized" in peer.recv(4000)

        assert 0.3 < dribbled(peer, [b"y"] * 100, 0.1) < 2


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux does this")
def test_a_reader_that_takes_nothing_is_dropped(here: tuple[str, int]) -> None:
    """A stream whose reader stands still ends, and whoever writes it learns that."""
    left.clear()
    with socket.create_connection(here, timeout=5) as peer:
        peer.sendall(INSIDE % b"endless" + b"Content-Length: 0\r\n\r\n")
        assert b"200 OK" in peer.recv(1000)
        until = time.monotonic() + 8
        while not left and time.monotonic() < until:
            time.sleep(0.05)

    assert left


def test_a_websocket_has_no_clock_and_a_bounded_message(here: tuple[str, int]) -> None:
    """An open socket may be silent for long; a message beyond the bound ends it."""
    headers = {"Cookie": COOKIE}
    url = "ws://{}:{}/socket".format(*here)
    with connect(url, additional_headers=headers) as peer:
        time.sleep(1)
        peer.send("hello")
        assert peer.recv() == "5"
    large = "x" * (31 * 2**20)
    with connect(url, additional_headers=headers, compression=None) as peer:
        peer.send(large)
        assert peer.recv() == str(len(large))
    with connect(url, additional_headers=headers, compression=None) as peer:
        with suppress(ConnectionClosedError):
            peer.send(large + large)
        with pytest.raises(ConnectionClosedError):
            peer.recv()
