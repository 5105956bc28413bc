"""Slow clients, all at once against the running server: each is ended, and nobody waits for them.

How long each may take, and what counts as slow, is in tests/api/test_slow_clients.py.
"""

import select
import socket
import time

import httpx2

from tests.attacks.sockets import get, knock, statuses
from tests.attacks.test_requests import LOGIN
from tests.browser.conftest import Site

HOST = "HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = f"POST /api/chat {HOST}{LOGIN}\r\nContent-Type: application/json\r\n"
FORM = f"POST /login {HOST}Content-Type: application/x-www-form-urlencoded\r\n"
UPGRADE = f"GET /_stcore/stream {HOST}{LOGIN}\r\nUpgrade: websocket\r\n"
# What is sent at once, and what is sent every second after it.
SLOW: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "half a word": ("GE", ""),
    "a head in drops": (f"GET / {HOST}", "X: y\r\n"),
    "a field in drops": (f"GET / {HOST}X: ", "y"),
    "empty lines": ("", "\r\n"),
    "a handshake in drops": (UPGRADE, "X: y\r\n"),
    "a body that never comes": (f"{POST}Content-Length: 100000\r\n\r\n", ""),
    "a body in drops": (f"{POST}Content-Length: 100000\r\n\r\n", " "),
    "chunks in drops": (f"{POST}Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"),
    "a chunk's size in drops": (f"{POST}Transfer-Encoding: chunked\r\n\r\n", "0"),
    "a login in drops": (f"{FORM}Content-Length: 9000\r\n\r\n", "a"),
    "an answer, then nothing": (f"GET /healthz {HOST}\r\n", ""),
}
OF_EACH = 20
# A body has 20 s and what little its drops buy; then comes the time for its rest.
ENDED_WITHIN_S = 35.0


def is_over(connection: socket.socket) -> bool:
    """Whether the server has hung up; what it said before that is thrown away."""
    try:
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(65_536):
                return True
    except ConnectionError:
        return True
    return False


def test_slow_clients_are_ended_and_nobody_waits_for_them(site: Site) -> None:
    """Of twelve kinds twenty each; strangers and those logged in are served in the meantime."""
    open_ones = [(knock(site), drop) for _ in range(OF_EACH) for _, drop in SLOW.values()]
    for (connection, _), (begin, _) in zip(open_ones, list(SLOW.values()) * OF_EACH, strict=True):
        connection.sendall(begin.encode())
    waits, until = list[float](), time.monotonic() + ENDED_WITHIN_S
    while open_ones and time.monotonic() < until:
        started = time.monotonic()
        assert httpx2.get(f"{site.url}/healthz").status_code == 200
        assert statuses(get(site, "/api/models", LOGIN)) == [200]
        waits.append(time.monotonic() - started)
        open_ones = [one for one in open_ones if not _dropped(*one)]
        time.sleep(1)

    assert open_ones == []
    assert max(waits) < 1


def _dropped(connection: socket.socket, drop: str) -> bool:
    """Send the next drop; true when the connection has ended, which is closed here as well then."""
    try:
        connection.sendall(drop.encode())
        over = is_over(connection)
    except OSError:
        over = True
    if over:
        connection.close()
    return over
