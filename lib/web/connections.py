"""Open connections: how many there may be, and how long one may keep us waiting.

uvicorn waits for ever for the head of a first request, drains the body of a refused one to its end,
and never drops a reader that takes nothing. Streamlit builds uvicorn's configuration before app.py
is imported, so `install` completes it when the server starts. Uses what uvicorn does not promise
(`config.http_protocol_class`, `loaded_app`, `cycle`, `encoded_headers`);
tests/api/test_slow_clients.py and test_throttle.py fail when one of them moves.
"""

import asyncio
import functools
import json
import resource
import socket
from collections.abc import Iterable
from typing import Any, ClassVar

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lib.core.errors import Busy
from lib.web.errors import error_body
from lib.web.throttle import client_address, is_loopback

# A page's socket is bounded by Streamlit too, at 25 MB, and that says what is wrong.
MOST_SOCKET_BYTES = 32 * 2**20

_BUSY = Busy("This server has as many connections as it can carry.", retry_after_s=5)
_BODY = json.dumps(error_body(_BUSY)).encode()
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Connection(H11Protocol):
    """One connection of a client, from the first byte to the last or to a websocket.

    When all places are taken, whoever has waited longest without sending a request makes room; when
    an address has its share, the one of its own that has. Behind a proxy everybody has its address,
    so loopback is bound by the whole number alone.
    """

    MOST: ClassVar[int] = 1024
    MOST_OF_ONE: ClassVar[int] = 256
    HEAD_S: ClassVar[float] = 10.0  # from the connection, or the last answer, to a whole head
    REST_S: ClassVar[float] = 5.0  # for the rest of a body that nobody wants any more:
    REST_BYTES: ClassVar[int] = 16 * 2**20  # a client that is cut off sooner misses the answer
    READER_S: ClassVar[float] = 180.0  # see _drop_dead_reader

    _clock: asyncio.TimerHandle | None = None
    _owed: str | None = None  # by the peer: "head", "body", "rest", or nothing
    _since = 0.0
    _rest_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _drop_dead_reader(transport, self.READER_S)
        if self._has_place():
            self._look()
        else:
            transport.write(_FULL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look(len(data))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to a websocket, and hang up when its stricter parser refuses the head.

        uvicorn overlooks that: the connection stayed for ever, and its shutdown failed over it.
        """
        super().handle_websocket_upgrade(event)
        socket = self.transport.get_protocol()
        if not getattr(socket, "handshake_initiated", True):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._look()

    def _look(self, size: int = 0) -> None:
        """See what the peer owes now, and give it the time for that anew when it has changed."""
        owed = self._now_owed()
        if owed != self._owed:
            if self._clock:
                self._clock.cancel()
            self._owed, self._since, self._rest_bytes = owed, self.loop.time(), 0
            if owed in ("head", "rest"):  # the shell waits for a body
                wait_s = self.HEAD_S if owed == "head" else self.REST_S
                self._clock = self.loop.call_later(wait_s, self.transport.close)
        elif owed == "body" and size:
            self._since = self.loop.time()
        elif owed == "rest":
            self._rest_bytes += size
            if self._rest_bytes > self.REST_BYTES:
                self.transport.close()

    def _now_owed(self) -> str | None:
        if self not in self.connections:
            return None  # it is lost or a websocket by now
        sends = self.conn.their_state is h11.SEND_BODY
        if self.cycle and not self.cycle.response_complete:
            return "body" if sends else None  # then it is our turn
        return "rest" if sends else "head"

    def _has_place(self) -> bool:
        own = _network_of(self)
        if not is_loopback(own):
            share = [one for one in self.connections if _network_of(one) == own]
            if len(share) > self.MOST_OF_ONE:
                return _make_room(share)
        return len(self.connections) <= self.MOST or _make_room(self.connections)


def _make_room(among: Iterable[object]) -> bool:
    """Drop whoever has kept us waiting longest, for a request or else for more of its body.

    False when all are busy.
    """
    ours = [one for one in among if isinstance(one, Connection)]
    idle = [one for one in ours if one._owed and not one.transport.is_closing()]
    if not idle:
        return False
    min(idle, key=lambda one: (one._owed == "body", one._since)).transport.abort()
    return True


def _network_of(connection: object) -> str:
    client = getattr(connection, "client", None)
    return _network(client[0] if client else "unknown")


@functools.lru_cache(4096)
def _network(host: str) -> str:
    return client_address({"client": (host, -1)})


def _drop_dead_reader(transport: asyncio.Transport, after_s: float) -> None:
    """Have the kernel end a connection that could send nothing, or got nothing acknowledged, for
    `after_s` seconds.

    Not the same as a reader that takes nothing: its kernel tells of room in large steps, so one
    that takes 1 kB/s seems to stand still for 160 s. Also for a websocket, and while a closed
    connection still has something to send. tcp(7): Linux only; elsewhere the system's own time-outs
    have to do.
    """
    peer = transport.get_extra_info("socket")
    if peer is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(after_s * 1000))


class TruePeer:
    """ASGI layer around uvicorn's own: drops X-Forwarded-For, so that nobody names his address.

    uvicorn believes a loopback peer's, be it a proxy that hands a stranger's header on. Its
    X-Forwarded-Proto stays: that only makes a cookie stricter.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            given = scope["headers"]
            scope["headers"] = [pair for pair in given if pair[0] != b"x-forwarded-for"]
        await self._app(scope, receive, send)


def harden(config: uvicorn.Config, protocol: type[Connection] = Connection) -> None:
    """Give a loaded configuration our connections and bounds, and take its Server header."""
    config.http_protocol_class = protocol
    config.loaded_app = TruePeer(config.loaded_app)
    config.ws_max_size = min(config.ws_max_size, MOST_SOCKET_BYTES)
    config.encoded_headers = [pair for pair in config.encoded_headers if pair[0] != b"server"]


def install() -> None:
    """Harden every server of this process that starts after this.

    Half of the files this process may open are for the models, the database and what is read.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY:
        Connection.MOST = min(Connection.MOST, files // 2)
    startup = uvicorn.Server.startup

    @functools.wraps(startup)
    async def hardened(self: uvicorn.Server, *args: Any, **more: Any) -> None:
        harden(self.config)
        await startup(self, *args, **more)

    uvicorn.Server.startup = hardened  # type: ignore[method-assign]
