"""What HTTP asks of every path: HEAD where there is GET, OPTIONS, and Allow on a 405."""

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Methods:
    """ASGI middleware of an application whose routes name each method they serve.

    A HEAD is run as its GET; the server in front sends no body for it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        allowed = allow(scope)
        if scope["method"] == "OPTIONS" and allowed:
            await Response(None, 204, {"Allow": allowed})(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}

        async def send_with_allow(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                MutableHeaders(scope=message)["Allow"] = allowed
            await send(message)

        await self._app(scope, receive, send_with_allow)


def allow(scope: Scope) -> str:
    """The methods of a path, as the header Allow lists them; empty when there is no such path."""
    app: Starlette = scope["app"]
    found = [method for method in _METHODS if _serves(app, {**scope, "method": method})]
    if "GET" in found:
        found.insert(1, "HEAD")
    return ", ".join([*found, "OPTIONS"] if found else [])


def _serves(app: Starlette, scope: Scope) -> bool:
    files = (route for route in app.routes if isinstance(route, Mount))
    if any(route.matches(scope)[0] is Match.FULL for route in files):
        return bool(scope["method"] == "GET")
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)
