"""The outermost ASGI layer: bounds request bodies, and turns a crash into an answer."""

import logging
import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.core.errors import AppError, BadReply, TooLarge
from lib.web.errors import error_response

log = logging.getLogger(__name__)


# No picture of a model's text may be fetched from elsewhere: its address would carry the chat away.
# Scripts and styles are left to Streamlit, which evaluates some; it serves all of them itself.
PAGE_HEADERS = {
    b"content-security-policy": (
        b"img-src 'self' data: blob:; media-src 'self' data: blob:; object-src 'none'; "
        b"base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    b"referrer-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
}


MOST_JSON_BYTES = 20 * 2**20


class _BodyTooLarge(Exception):
    pass


class Broken(BadReply):
    """A fault of this app itself."""

    status = 500


class Shell:
    """`most_bytes` bounds every http request's body, declared or chunked."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, min(self._most, _most_for(scope)))
        try:
            exchange.take(_declared_bytes(scope))
            exchange.taken = 0
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.started:
                raise
            exchange.problem = exchange.problem or _fault(error)
        if exchange.problem and not exchange.started:
            await error_response(exchange.problem)(scope, receive, exchange.send_last)


class _Exchange:
    """One request and its answer, watched: how much came in, whether anything went out."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int) -> None:
        self._receive, self._send, self._most = receive, send, most_bytes
        self.started, self.taken = False, 0
        self.problem: AppError | None = None

    def take(self, size: int) -> None:
        self.taken += size
        if self.taken > self._most:
            self.problem = TooLarge(f"The body is larger than {self._most // 2**20} MB.")
            raise _BodyTooLarge

    async def receive(self) -> Message:
        message = await self._receive()
        self.take(len(message.get("body", b"")))
        return message

    async def send(self, message: Message) -> None:
        if self.problem and not self.started:
            return  # whoever read the body made something else of our exception
        await self.send_last(message)

    async def send_last(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            _add_headers(message)
        await self._send(message)


def _add_headers(message: Message) -> None:
    """What every answer carries, unless it says it more strictly itself."""
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    message["headers"] = headers + [
        (name, value) for name, value in PAGE_HEADERS.items() if name not in present
    ]


def _most_for(scope: Scope) -> int:
    """JSON becomes many times its size in objects, on the event loop: it is bounded closer."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return MOST_JSON_BYTES if any(b"json" in kind for kind in kinds) else sys.maxsize


def _declared_bytes(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() and len(values[0]) < 20 else 0


def _fault(error: Exception) -> AppError:
    # The kind only: the text may hold what a person wrote.
    log.error("request failed: %s", type(error).__name__)
    return Broken("Something in this app went wrong.")
