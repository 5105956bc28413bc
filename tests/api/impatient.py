"""A server with the real one's bounds, a tenth to a hundredth of them, and who knocks there."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from lib.web.connections import Connection
from lib.web.gate import Gate
from lib.web.shell import Shell
from lib.web.throttle import Throttle
from tests.api.conftest import serving
from tests.api.doors import COOKIE, KEYRING

HEAD = b"POST /%s HTTP/1.1\r\nHost: localhost\r\n"


INSIDE = HEAD + b"Cookie: " + COOKIE.encode() + b"\r\n"


class Impatient(Connection):
    """The bounds of a server, a tenth to a hundredth of the real ones."""

    MOST, MOST_OF_ONE = 8, 4
    HEAD_S, REST_S, REST_BYTES, READER_S = 0.5, 0.5, 2**20, 1.0


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


left: list[float] = []


async def endless(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            left.append(time.monotonic())

    return StreamingResponse(parts())


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await websocket.send_text(str(len(await websocket.receive_text())))
        await websocket.close()


@contextmanager
def site(protocol: type[Connection] = Impatient) -> Iterator[tuple[str, int]]:
    routes = [
        Route("/healthz", length),
        Route("/length", length, methods=["POST"]),
        Route("/endless", endless, methods=["POST"]),
        WebSocketRoute("/socket", echo),
    ]
    gate = Middleware(Gate, KEYRING, Throttle(), True)
    app = Starlette(routes=routes, middleware=[Middleware(Shell, most_bytes=2**31), gate])
    with serving(app, protocol) as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def healthy(here: tuple[str, int]) -> bool:
    return httpx2.get("http://{}:{}/healthz".format(*here), timeout=5).status_code == 200


def half_open(here: tuple[str, int], count: int, stack: ExitStack) -> list[socket.socket]:
    peers = [stack.enter_context(socket.create_connection(here, timeout=5)) for _ in range(count)]
    for peer in peers:
        peer.sendall(b"GET /healthz HTTP/1.1\r\n")
    return peers
