"""By which names this server may be called: the Host header, judged before anything else.

A foreign page can make its own name resolve to this machine («DNS rebinding») and so becomes «same
origin» for a browser. That is harmless to logins: a browser keeps the cookie for the name it was
set under and sends it to no other, and the page does not know the password. What remains: such a
page can try passwords from its reader's address, five a minute, and see that this server is here.
`ALLOWED_HOSTS` ends that too; a rented machine does not know its name, so the default is any. A
server without a login answers to loopback names only, see the gate.
"""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from lib.core.errors import AppError, BadInput
from lib.web.errors import error_response

MAX_CHARACTERS = 253  # of a name in the DNS
_HOST = re.compile(
    r"([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE
)
_ALWAYS = ("localhost", "127.0.0.1", "[::1]")  # no foreign page has one of these names


class OddHost(BadInput):
    """The Host header is missing, repeated or no host."""

    status = 400
    default_hint = "Send one Host header with this server's name or address, and its port."


class OtherHost(BadInput):
    """The name is not one of ALLOWED_HOSTS."""

    status = 421
    default_hint = "Use a name this server knows; whoever runs it can add one to ALLOWED_HOSTS."


class Hosts:
    """ASGI middleware: refuses odd Host headers, and names not in `allowed` (empty: any).

    A name stands for itself, `*.name` for all below it. /healthz may be asked under any Host or
    none: those who watch a server use its address, and a balancer HTTP/1.0.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str] = ()) -> None:
        self._app = app
        self._allowed = [name.lower().rstrip(".") for name in allowed]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] != "lifespan" and not _asks_for_health(scope):
                self._check(scope)
        except AppError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
            else:
                await error_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        given = [value for name, value in scope["headers"] if name == b"host"]
        name = _name(given[0].decode("latin-1")) if len(given) == 1 else None
        if name is None:
            raise OddHost("Host: one name or address is wanted, with a port or without.")
        if not self._knows(name):
            raise OtherHost("Host: this server does not answer to that name.")

    def _knows(self, name: str) -> bool:
        if not self._allowed or name in _ALWAYS:
            return True
        return any(
            name.endswith(one[1:]) if one.startswith("*.") else name == one for one in self._allowed
        )


def _asks_for_health(scope: Scope) -> bool:
    return (scope["type"], scope["path"]) == ("http", "/healthz")


def _name(host: str) -> str | None:
    """The name or address in a Host header, in small letters without its port; None for none."""
    found = _HOST.fullmatch(host)
    if not found or len(found[1]) > MAX_CHARACTERS or int(found[3] or 1) not in range(1, 65536):
        return None
    return found[1].lower().rstrip(".")
