"""A small app behind the gate, and the ways to knock: browsers, raw calls, many threads."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from lib.core.errors import RateLimited
from lib.web.gate import Gate
from lib.web.keyring import Keyring
from lib.web.login import login_routes
from lib.web.throttle import Throttle

PASSWORD = "grün & sure"
BEARER = b"Bearer " + PASSWORD.encode()
KEYRING = Keyring(PASSWORD)
COOKIE = f"{KEYRING.cookie_name}={KEYRING.issue_cookie()}"
WRONG = {"password": "wrong"}


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def build(
    keyring: Keyring = KEYRING, throttle: Throttle | None = None, enabled: bool = True
) -> Starlette:
    throttle = throttle or Throttle()
    everything = Route("/{path:path}", hello, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    routes = [*login_routes(keyring, throttle), WebSocketRoute("/{path:path}", echo), everything]
    shut = Middleware(Gate, keyring=keyring, throttle=throttle, enabled=enabled)
    return Starlette(routes=routes, middleware=[shut])


def browser(app: Starlette, address: str = "203.0.113.5", **options: Any) -> TestClient:
    return TestClient(app, follow_redirects=False, client=(address, 50_000), **options)


Headers = list[tuple[bytes, bytes]]


def call(
    app: Starlette,
    path: str = "/",
    headers: Headers | None = None,
    hosts: Sequence[bytes] = (b"testserver",),
    **scope: Any,
) -> tuple[int, dict[str, str], bytes]:
    """One raw ASGI call, so that nothing tidies up paths and headers on the way.

    The number is the status of http; for a websocket it is 1008 when shut and 0 when accepted.
    """
    sent: list[dict[str, Any]] = []
    whole: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http",
        "headers": [*((b"host", host) for host in hosts), *(headers or [])],
        "client": ("203.0.113.5", 50_000), **scope,
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        kind = "websocket.connect" if whole["type"] == "websocket" else "http.disconnect"
        return {"type": kind}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(whole, receive, send))
    start = sent[0]
    fields = {name.decode(): value.decode() for name, value in start.get("headers", [])}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return start.get("status", start.get("code", 0)), fields, body


def error_of(body: bytes) -> dict[str, Any]:
    error = json.loads(body)["error"]
    assert error["message"]
    assert error["hint"]
    return dict(error)


def auth(value: bytes) -> Headers:
    return [(b"authorization", value)]


def cookie(value: str = COOKIE) -> Headers:
    return [(b"cookie", value.encode())]


def in_threads(work: Callable[[], bool], count: int = 24) -> list[bool]:
    """What `work` answers in many threads at once; RateLimited counts as False."""
    answers: list[bool] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        try:
            answers.append(work())
        except RateLimited:
            answers.append(False)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
