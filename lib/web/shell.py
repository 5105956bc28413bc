"""The outermost ASGI layer: bounds request bodies, and turns a crash into an answer."""

import asyncio
import logging
import sys
import time
from typing import NoReturn

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.core.errors import AppError, BadInput, BadReply, TimedOut, TooLarge
from lib.web.errors import error_response
from lib.web.headers import add_headers

log = logging.getLogger(__name__)

MOST_JSON_BYTES = 20 * 2**20
MOST_OTHER_BYTES = 2**20  # of the API's other calls
FORM_CALLS = {"/api/jobs", "/api/vision"}
LONG_CALLS = {"/api/chat", "/api/classify", "/api/v1/chat/completions"}  # texts, pictures as text
# A body may keep us waiting so long, and gains a second for every kilobyte that comes.
PATIENCE_S, LEAST_BYTES_PER_S = 20.0, 1024


class _GaveUp(Exception):
    """The exchange knows why."""


class Broken(BadReply):
    """A fault of this app itself."""

    status = 500


class TooSlow(TimedOut):
    """The request's body does not come."""

    code, status = "too_slow", 408
    default_hint = "Send the whole body at once, over a faster line."


class OddLength(BadInput):
    """What counts as the next request depends on who reads it: the way requests are smuggled."""

    status = 400
    default_hint = "Send either Content-Length or Transfer-Encoding."


class Shell:
    """`most_bytes` bounds every http request's body, declared or chunked."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, min(self._most, _most_for(scope)))
        try:
            if _has_two_lengths(scope):
                exchange.give_up(OddLength("The body's length is given twice."))
            exchange.check_size(declared_bytes(scope))
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.started and not exchange.problem:
                raise
            exchange.problem = exchange.problem or _fault(error)
        if exchange.problem and not exchange.started:
            await error_response(exchange.problem)(scope, receive, exchange.send_last)


class _Exchange:
    """One request and its answer, watched: how much came in and how fast, whether it is answered.

    Only the time spent waiting for the body counts against the sender, not what we do meanwhile.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, most_bytes: int) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._most, self._taken = most_bytes, 0
        self._patience_s = PATIENCE_S
        self._awaits_body = True
        self.started = False
        self.problem: AppError | None = None

    def check_size(self, size: int) -> None:
        if size > self._most:
            self.give_up(TooLarge(f"The body is larger than {self._most // 2**20} MB."))

    async def receive(self) -> Message:
        if self.started or not self._awaits_body:
            return await self._receive()  # whoever asks now waits for a hang-up
        since = time.monotonic()
        try:
            async with asyncio.timeout(self._patience_s):
                message = await self._receive()
        except TimeoutError:
            self.give_up(TooSlow("The body came too slowly."))
        size = len(message.get("body", b""))
        waited_s = time.monotonic() - since
        self._patience_s = min(PATIENCE_S, self._patience_s - waited_s + size / LEAST_BYTES_PER_S)
        self._taken += size
        self._awaits_body = message.get("more_body", False)
        self.check_size(self._taken)
        return message

    async def send(self, message: Message) -> None:
        if self.problem and not self.started:
            return  # whoever read the body made something else of our exception
        await self.send_last(message)

    async def send_last(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            add_headers(message, self._scope)
            if isinstance(self.problem, OddLength):
                message["headers"].append((b"connection", b"close"))
        await self._send(message)

    def give_up(self, problem: AppError) -> NoReturn:
        self.problem = problem
        raise _GaveUp


def _most_for(scope: Scope) -> int:
    """JSON becomes many times its size in objects: it is bounded closer than files, and so is all
    that the API might take for JSON; closest where nothing large is ever said."""
    path = scope["path"]
    kinds = [value.lower() for name, value in scope["headers"] if name == b"content-type"]
    if path.startswith("/api/"):
        is_form = any(kind.startswith(b"multipart/") for kind in kinds)
        if is_form and path in FORM_CALLS:
            return sys.maxsize
        return MOST_JSON_BYTES if path in FORM_CALLS | LONG_CALLS else MOST_OTHER_BYTES
    return MOST_JSON_BYTES if any(b"json" in kind for kind in kinds) else sys.maxsize


def _has_two_lengths(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return {b"content-length", b"transfer-encoding"} <= names


def declared_bytes(scope: Scope) -> int:
    """Content-Length; 0 without one."""
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() and len(values[0]) < 20 else 0


def _fault(error: Exception) -> AppError:
    # The kind only: the text may hold what a person wrote.
    log.error("request failed: %s", type(error).__name__)
    return Broken("Something in this app went wrong.")
