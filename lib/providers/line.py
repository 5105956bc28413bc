"""The line to a provider: whoever holds it can hang up from any thread, even while it is silent.

A blocked `recv` does not wake up when another thread closes its file; it does when the socket is
shut down. So every HTTP adapter reads through `cuttable`, whose sockets register with the line
that the reading thread holds. The same place bounds the wait for the first token.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

# A token read by itself costs an SDK several times what it costs among others, so a long answer is
# read in sips. The wait before one is a share of the answer's time so far: the speed that is shown
# is wrong by no more than that.
SIP_S, SIP_SHARE = 0.05, 0.02

_held = threading.local()


class HungUp(Exception):
    """The reader of the answer has gone; nothing is wrong with the provider."""


class Line:
    """One call's connection. `wait_s` bounds the first token, and every later silence.

    Without `sips` every token is read as it comes: for whoever measures when it came.
    """

    def __init__(
        self, wait_s: float, now: Callable[[], float] = time.monotonic, sips: bool = True
    ) -> None:
        self._wait_s, self._now, self._sips = wait_s, now, sips
        self._first_token_by: float | None = now() + wait_s
        self._first_token_at = self._read_at = 0.0
        self._lock = threading.Lock()
        self._actions: list[Callable[[], object]] = []
        self.hung_up = False

    def begin(self) -> None:
        """The call is made now: what it waited for its turn does not count."""
        self._first_token_by = self._now() + self._wait_s

    def first_token(self) -> None:
        if self._first_token_by is not None:
            self._first_token_by = None
            self._first_token_at = self._read_at = self._now()

    def sip_s(self) -> float:
        """Seconds to let the answer gather before it is read on; none before the first token."""
        if self._first_token_by is not None or not self._sips:
            return 0.0
        now = self._now()
        pause_s = min(SIP_S, SIP_SHARE * (now - self._first_token_at)) - (now - self._read_at)
        self._read_at = now + max(0.0, pause_s)
        return pause_s

    def left_s(self) -> float:
        """Seconds the next wait may take; never 0, which sockets read as «do not block»."""
        if self._first_token_by is None:
            return self._wait_s
        return max(0.001, self._first_token_by - self._now())

    def hang_up(self) -> None:
        with self._lock:  # kept: a wait that ends now must not hand its socket on before the cut
            self.hung_up = True
            for action in self._actions:
                with contextlib.suppress(Exception):
                    action()

    @contextlib.contextmanager
    def waiting(self, break_off: Callable[[], object]) -> Iterator[None]:
        """While inside, `hang_up` calls `break_off`; raises HungUp when it already happened."""
        with self._lock:
            if self.hung_up:
                raise HungUp
            self._actions.append(break_off)
        try:
            yield
        finally:
            with self._lock:
                self._actions.remove(break_off)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside, everything this thread reads from a provider belongs to this line."""
        before, _held.line = current(), self
        try:
            yield
        finally:
            _held.line = before


def current() -> Line | None:
    """The line this thread holds now, if any."""
    return getattr(_held, "line", None)


class _Stream:
    """A network stream of httpcore or httpcore2 that the current line can cut."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def _shut_down(self) -> None:
        # The plain socket's method even under TLS: the TLS one drops its state under the reader.
        socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        line = current()
        if line is None:
            return self._stream.read(max_bytes, timeout)  # type: ignore[no-any-return]
        if (pause_s := line.sip_s()) > 0:
            time.sleep(pause_s)
        left_s = line.left_s() if timeout is None else min(timeout, line.left_s())
        with line.waiting(self._shut_down):
            return self._stream.read(max_bytes, left_s)  # type: ignore[no-any-return]

    def start_tls(self, *args: Any, **kwargs: Any) -> "_Stream":
        return _Stream(self._stream.start_tls(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Backend:
    """The network backend of httpcore or httpcore2 with cuttable streams."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **kwargs: Any) -> _Stream:
        return _Stream(self._backend.connect_tcp(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def cuttable(transport: Any) -> Any:
    """An `HTTPTransport` of httpx or httpx2 whose reads obey the current line.

    The pool's backend is a public argument of httpcore, but httpx has no way to hand one in, hence
    the two private names; tests/unit/test_line.py fails if they ever move.
    """
    pool = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return transport
