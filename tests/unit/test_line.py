"""The line can be hung up from any thread, however silent the other end is."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import httpx
import httpx2
import pytest

from lib.providers.line import HungUp, Line, current, cuttable
from lib.providers.wire import client2, client_options
from tests.unit.builders import deaf_server, silent_server, tls_contexts

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
CLIENTS: dict[str, Callable[[float], Any]] = {
    "httpx": lambda seconds: httpx.Client(**client_options(seconds)),
    "httpx2": client2,
}
BOTH = pytest.mark.parametrize("client", CLIENTS)


def hang_up_while(line: Line, read: Callable[[], object]) -> float:
    """Hang up 0.3 s into a read that must fail; returns how long the read lasted, in seconds."""
    threading.Timer(0.3, line.hang_up).start()
    started = time.monotonic()
    with line.held(), pytest.raises((HungUp, httpx.HTTPError, httpx2.HTTPError)):
        read()
    return time.monotonic() - started


@BOTH
@pytest.mark.parametrize("say", [b"", HALF], ids=["headers", "body"])
def test_hanging_up_wakes_a_blocked_read(client: str, say: bytes) -> None:
    """A read that waits for the headers, or for the rest of the body, ends with the hang-up."""
    line = Line(30)
    with silent_server(say) as address, closing(CLIENTS[client](30)) as http:
        lasted = hang_up_while(line, lambda: http.get(f"http://{address}/"))

    assert 0.2 < lasted < 2


@BOTH
def test_hanging_up_wakes_a_read_under_tls(client: str, tls: tuple[Any, Any]) -> None:
    """Encryption does not keep a read from being cut."""
    ours, theirs = tls
    line = Line(30)
    package = {"httpx": httpx, "httpx2": httpx2}[client]
    transport = cuttable(package.HTTPTransport(verify=ours, trust_env=False))
    with tls_server(theirs) as port, package.Client(transport=transport, timeout=30) as http:
        lasted = hang_up_while(line, lambda: http.get(f"https://localhost:{port}/"))

    assert 0.2 < lasted < 2


@BOTH
def test_the_line_bounds_a_read(client: str) -> None:
    """A held line ends a silent read when its wait is over, long before the client's own limit."""
    started = time.monotonic()
    with (
        silent_server() as address,
        closing(CLIENTS[client](30)) as http,
        Line(0.3).held(),
        pytest.raises((httpx.ReadTimeout, httpx2.ReadTimeout)),
    ):
        http.get(f"http://{address}/")

    assert time.monotonic() - started < 2


@BOTH
def test_a_shorter_limit_of_the_client_stays(client: str) -> None:
    """A client made for quick look-ups does not wait longer because a patient line is held."""
    started = time.monotonic()
    with (
        silent_server() as address,
        closing(CLIENTS[client](0.3)) as http,
        Line(30).held(),
        pytest.raises((httpx.ReadTimeout, httpx2.ReadTimeout)),
    ):
        http.get(f"http://{address}/")

    assert time.monotonic() - started < 2


@BOTH
def test_connecting_takes_no_longer_than_the_client_may_wait(client: str) -> None:
    """A host that swallows connections costs a short look-up no more than its own limit."""
    started = time.monotonic()
    with (
        deaf_server() as address,
        closing(CLIENTS[client](0.5)) as http,
        pytest.raises((httpx.ConnectTimeout, httpx2.ConnectTimeout)),
    ):
        http.get(f"http://{address}/")

    assert time.monotonic() - started < 3


def test_waiting_after_a_hang_up_is_refused() -> None:
    """Nobody begins to wait on a line that is hung up already."""
    line = Line(30)
    line.hang_up()
    with pytest.raises(HungUp), line.waiting(lambda: None):
        pass

    assert line.hung_up


def test_a_wait_that_is_over_is_not_broken_off() -> None:
    """A connection that went back to its pool belongs to somebody else."""
    line = Line(30)
    broken: list[str] = []
    with line.waiting(lambda: broken.append("over")):
        pass
    with line.waiting(lambda: broken.append("waiting")):
        line_hung_up_elsewhere(line)

    assert broken == ["waiting"]


def test_a_wait_ends_only_after_its_breaking_off() -> None:
    """While a hang-up cuts a socket, its reader does not give it back to the pool."""
    line = Line(30)
    cutting, order = threading.Event(), []

    def cut() -> None:
        cutting.set()
        time.sleep(0.2)
        order.append("cut")

    with line.waiting(cut):
        threading.Thread(target=line.hang_up).start()
        assert cutting.wait(2)
    order.append("given back")

    assert order == ["cut", "given back"]


def test_one_failing_action_does_not_keep_the_others() -> None:
    """Everything that waits on the line is broken off, even when one of them fails at it."""
    line = Line(30)
    broken: list[bool] = []
    with line.waiting(lambda: 1 // 0), line.waiting(lambda: broken.append(True)):
        line_hung_up_elsewhere(line)

    assert broken == [True]


def test_held_lines_nest() -> None:
    """An inner call has its own line; afterwards the outer one is held again, even on an error."""
    outer, inner = Line(1), Line(1)
    seen = [current()]
    with outer.held():
        seen.append(current())
        with suppress(ZeroDivisionError), inner.held():
            seen.append(current())
            1 // 0  # noqa: B018 (it is there to fail)
        seen.append(current())
    seen.append(current())

    assert seen == [None, outer, inner, outer, None]


def test_a_line_is_held_by_one_thread() -> None:
    """What another thread reads meanwhile is not cut."""
    seen: list[Line | None] = []
    with Line(1).held():
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()

    assert seen == [None]


def line_hung_up_elsewhere(line: Line) -> None:
    thread = threading.Thread(target=line.hang_up)
    thread.start()
    thread.join()


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that shakes hands, then says nothing."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with context.wrap_socket(listening.accept()[0], server_side=True):
                done.wait(10)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        done.set()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a client and of the one server, «localhost», it trusts."""
    return tls_contexts("localhost", tmp_path_factory.mktemp("tls"))
