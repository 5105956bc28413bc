"""The outermost ASGI layer: bounds request bodies, and turns a crash into an answer."""

import logging

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.core.errors import BadReply, TooLarge
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
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        try:
            self._check_declared(scope)
            await self._app(scope, self._bounded(receive), watched_send)
        except Exception as error:
            if started:
                raise
            await _answer_to(error, self._most)(scope, receive, watched_send)

    def _check_declared(self, scope: Scope) -> None:
        values = [value for name, value in scope["headers"] if name == b"content-length"]
        if values and values[0].isdigit() and int(values[0]) > self._most:
            raise _BodyTooLarge

    def _bounded(self, receive: Receive) -> Receive:
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise _BodyTooLarge
            return message

        return bounded


def _add_headers(message: Message) -> None:
    """What every answer carries, unless it says it more strictly itself."""
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    message["headers"] = headers + [
        (name, value) for name, value in PAGE_HEADERS.items() if name not in present
    ]


def _answer_to(error: Exception, most_bytes: int) -> Response:
    if isinstance(error, _BodyTooLarge):
        return error_response(TooLarge(f"The body is larger than {most_bytes // 2**20} MB."))
    # The kind only: the text may hold what a person wrote.
    log.error("request failed: %s", type(error).__name__)
    return error_response(Broken("Something in this app went wrong."))
