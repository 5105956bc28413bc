"""The pages' websockets: how many there may be, and that each ends with its login."""

from collections import Counter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.web.keyring import Keyring
from lib.web.throttle import client_address, is_loopback

# Each is a session with its widgets, some megabytes. A person has a dozen tabs, an office more.
MOST, MOST_OF_ONE = 512, 128
POLICY, TRY_LATER = 1008, 1013  # RFC 6455, 7.4.1, and IANA's registry


class Sockets:
    """ASGI middleware behind the gate, which has looked at the login; here it is looked at again.

    A login is checked at the handshake only, but a page's socket lives for days: at the first
    message after its login expired or was logged out, it is closed. Behind a proxy all are one
    address, so loopback is bound by the whole number alone.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring, enabled: bool) -> None:
        self._app, self._keyring, self._enabled = app, keyring, enabled
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        address = client_address(scope)
        if self._is_full(address):
            await send({"type": "websocket.close", "code": TRY_LATER, "reason": ""})
            return
        self._open[address] += 1
        try:
            await self._app(scope, self._while_logged_in(scope, receive, send), send)
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets addresses that have none

    def _is_full(self, address: str) -> bool:
        if self._open.total() >= MOST:
            return True
        return self._open[address] >= MOST_OF_ONE and not is_loopback(address)

    def _while_logged_in(self, scope: Scope, receive: Receive, send: Send) -> Receive:
        """`receive`, until the cookies of the handshake are no longer good."""
        cookies = self._keyring.good_cookies(Headers(scope=scope)) if self._enabled else []
        if not cookies:  # it came with the password itself, or nobody logs in
            return receive

        async def watched() -> Message:
            message = await receive()
            ended = not any(map(self._keyring.cookie_ok, cookies))
            if ended and message["type"] == "websocket.receive":
                await send({"type": "websocket.close", "code": POLICY, "reason": "logged out"})
                return {"type": "websocket.disconnect", "code": POLICY}
            return message

        return watched
