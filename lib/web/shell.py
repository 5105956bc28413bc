"""The outermost ASGI layer: bounds request bodies, and turns a crash into an answer."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.core.errors import AppError, BadReply, TooLarge
from lib.web.errors import error_response

log = logging.getLogger(__name__)


class _BodyTooLarge(Exception):
    pass


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
            started = True
            await send(message)

        problem: AppError | None = None
        try:
            if _declared(scope) > self._most:
                raise _BodyTooLarge
            await self._app(scope, self._bounded(receive), watched_send)
        except _BodyTooLarge:
            problem = TooLarge(f"The body is larger than {self._most // 2**20} MB.")
        except Exception as error:
            # The kind only: the text may hold what a person wrote.
            log.error("request failed: %s", type(error).__name__)
            problem = BadReply("Something in this app went wrong.")
            if started:
                raise
        if problem and not started:
            status = problem.status if isinstance(problem, TooLarge) else 500
            response = error_response(problem)
            response.status_code = status
            await response(scope, receive, send)

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


def _declared(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0
