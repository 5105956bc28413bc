"""Who may come in: whoever has the password or a login cookie, and never a foreign page.

The gate is pure ASGI because Starlette's BaseHTTPMiddleware never sees a websocket.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.core.errors import AppError, Unauthorized
from lib.web.errors import Forbidden, refusal
from lib.web.keyring import Keyring
from lib.web.throttle import Refusals, Throttle, client_address

_OPEN = {"/healthz": {"GET", "HEAD"}, "/login": {"GET", "HEAD", "POST"}}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Gate:
    """ASGI middleware in front of everything: pages, their websocket, files and the JSON API.

    With `enabled=False` (a server on loopback) nobody logs in, but foreign pages stay outside.
    A call that is refused is refused at its head: its body is never asked for.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring, throttle: Throttle, enabled: bool) -> None:
        self._app = app
        self._keyring = keyring
        self._throttle = throttle
        self._enabled = enabled
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] != "lifespan":
                self._check(scope)
        except AppError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
            else:
                await refusal(error, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise Forbidden, Unauthorized or RateLimited unless this call may pass."""
        headers = Headers(scope=scope)
        is_open = scope["type"] == "http" and scope["method"] in _OPEN.get(scope["path"], ())
        if not (self._enabled or (is_open and scope["path"] == "/healthz")):
            _check_loopback_host(headers)
        if is_open:
            if _is_foreign(scope, headers):  # wrong passwords of its reader's address, say
                raise Forbidden("This form comes from a page of another address.")
            return
        known = not self._enabled or self._keyring.has_cookie(headers)
        foreign = known and _is_foreign(scope, headers)
        if known and not foreign:
            return
        address, bearer = client_address(scope), _bearer(headers)
        if self._enabled and bearer is not None:
            if self._throttle.attempt(address, lambda: self._keyring.password_ok(bearer)):
                return
            raise Unauthorized("The bearer token is not the password of this server.")
        if foreign:
            raise Forbidden("This call comes from a page of another address.")
        self._refusals.count(address)
        raise Unauthorized("This needs a login.")


def _bearer(headers: Headers) -> bytes | None:
    """The token as it came over the wire; None without one, and for several Authorizations."""
    values = headers.getlist("authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip(" \t").partition(" ")  # not strip(): \xa0 ends a UTF-8 "à"
    return token.strip(" \t").encode("latin-1") if scheme.lower() == "bearer" else None


def _check_loopback_host(headers: Headers) -> None:
    """A foreign name that resolves to 127.0.0.1 would give its page this server's origin."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _LOOPBACK_HOST.fullmatch(hosts[0]):
        raise Forbidden(
            "Without a login this server answers only to localhost.",
            "Open http://localhost with its port, or start with APP_AUTH=on.",
        )


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a browser sent this for a page of another address; only for calls that can change."""
    if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
        return False
    hosts = headers.getlist("host")
    return any(
        len(hosts) != 1 or not _same_host(origin, hosts[0]) for origin in headers.getlist("origin")
    )


def _same_host(origin: str, host: str) -> bool:
    scheme, _, netloc = origin.lower().partition("://")
    if not (port := _DEFAULT_PORT.get(scheme)) or not netloc:
        return False
    return netloc.removesuffix(port) == host.lower().removesuffix(port)
