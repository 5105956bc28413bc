"""Who may come in: one shared password, a signed login cookie, a bound on wrong tries.

The gate is pure ASGI because Starlette's BaseHTTPMiddleware never sees a websocket.
"""

import hashlib
import hmac
import math
import re
import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.core.errors import AppError, RateLimited, Unauthorized
from lib.web.errors import Forbidden, refusal

COOKIE_MAX_AGE_S = 14 * 24 * 3600
WRONG_TRIES = 5
WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
MAX_COOKIE_CHARACTERS = 16_384

_OPEN = {"/healthz": {"GET", "HEAD"}, "/login": {"GET", "HEAD", "POST"}}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Throttle:
    """Bounds the wrong passwords and tokens of an address: five in a sliding minute.

    `now` is a clock in seconds. It remembers at most `MAX_ADDRESSES` addresses, six tries each.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._wrong: dict[str, list[float]] = {}  # the address that erred last stands last

    def attempt(self, address: str, is_right: Callable[[], bool]) -> bool:
        """Tell whether a secret is right; the only way in which one may be tried.

        Raises RateLimited for the sixth wrong one in a minute, and then for everything from that
        address, unlooked at, until the minute is over.
        """
        with self._lock:
            now = self._now()
            recent = [then for then in self._wrong.get(address, ()) if now - then < WINDOW_S]
            if len(recent) <= WRONG_TRIES:
                if is_right():
                    return True
                recent.append(now)
                self._remember(address, recent)
            if len(recent) <= WRONG_TRIES:
                return False
        wait_s = max(1, math.ceil(recent[0] + WINDOW_S - now))
        raise RateLimited(
            f"Too many wrong tries from this address; wait {wait_s} seconds.", retry_after_s=wait_s
        )

    def _remember(self, address: str, recent: list[float]) -> None:
        self._wrong.pop(address, None)
        self._wrong[address] = recent
        while True:
            oldest, tries = next(iter(self._wrong.items()))
            if len(self._wrong) <= MAX_ADDRESSES and recent[-1] - tries[-1] < WINDOW_S:
                return
            del self._wrong[oldest]


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, now: Callable[[], float]) -> None:
        super().__init__(key, salt=b"login cookie", digest_method=hashlib.sha256)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now())


class Keyring:
    """The secrets that open the gate: the password, the cookies it signs, a link good once.

    `now` is the wall clock in seconds. Raises ValueError for an empty password.
    """

    def __init__(
        self, password: str, token_file: Path | None = None, now: Callable[[], float] = time.time
    ) -> None:
        if not password:
            raise ValueError("the password must not be empty")
        # Slow on purpose, so only here: a stolen cookie must not be a quick test for passwords.
        # All keys follow from the password: a changed one ends every session.
        self._key = hashlib.scrypt(
            _as_bytes(password), salt=b"llm-playground-gate-v1", n=2**14, r=8, p=1
        )
        self._password = self._digest(password)
        self._token_file = token_file
        self._signer = _Signer(self._key, now)
        # Cookies ignore ports: two instances on a host only get along under different names.
        self.cookie_name = f"login_{self._digest('cookie name').hex()[:8]}"

    def password_ok(self, candidate: str | bytes) -> bool:
        """Compare in a time that tells neither the password nor its length."""
        return hmac.compare_digest(self._digest(candidate), self._password)

    def issue_cookie(self) -> str:
        """A cookie value that is good for `COOKIE_MAX_AGE_S` seconds from now."""
        return self._signer.sign("in").decode("ascii")

    def cookie_ok(self, value: str) -> bool:
        try:
            return self._signer.unsign(_as_bytes(value), max_age=COOKIE_MAX_AGE_S) == b"in"
        except BadSignature:
            return False

    def has_cookie(self, headers: Headers) -> bool:
        """Whether any cookie of our name is good: one planted by a neighbour must not mask it."""
        given = ";".join(headers.getlist("cookie"))[:MAX_COOKIE_CHARACTERS].split(";")
        pairs = (part.partition("=") for part in given)
        return any(self.cookie_ok(v.strip()) for k, _, v in pairs if k.strip() == self.cookie_name)

    def redeem(self, token: str) -> bool:
        """Use the login token up; true once, whatever number of processes ask at the same time."""
        if self._token_file is None:
            return False
        try:
            kept = self._token_file.read_bytes().strip()
            if not kept or not hmac.compare_digest(self._digest(kept), self._digest(token)):
                return False
            self._token_file.unlink()  # the file system lets only one caller succeed
        except OSError:
            return False
        return True

    def _digest(self, secret: str | bytes) -> bytes:
        return hmac.digest(self._key, _as_bytes(secret), "sha256")


class Gate:
    """ASGI middleware in front of everything: pages, their websocket, files and the JSON API.

    With `enabled=False` (a server on loopback) nobody logs in, but foreign pages stay outside.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring, throttle: Throttle, enabled: bool) -> None:
        self._app = app
        self._keyring = keyring
        self._throttle = throttle
        self._enabled = enabled

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
            return
        known = not self._enabled or self._keyring.has_cookie(headers)
        foreign = known and _is_foreign(scope, headers)
        if known and not foreign:
            return
        bearer = _bearer(headers)
        if self._enabled and bearer is not None:
            address = client_address(scope)
            if self._throttle.attempt(address, lambda: self._keyring.password_ok(bearer)):
                return
            raise Unauthorized("The bearer token is not the password of this server.")
        if foreign:
            raise Forbidden("This call comes from a page of another address.")
        raise Unauthorized("This needs a login.")


def client_address(scope: Scope) -> str:
    """The peer as the throttle counts it: an IPv4 address, or the /64 network of an IPv6 one.

    uvicorn believes a loopback peer's X-Forwarded-For, and Streamlit lets nobody say otherwise; it
    then gives the claimed client port 0, which no real peer has.
    """
    client = scope.get("client")
    if not client:
        return "unknown"
    if client[1] == 0:
        return "127.0.0.1"
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d, which all share one /64.
    return str(address.ipv4_mapped or f"{int(address) >> 64:x}::/64")


def _as_bytes(secret: str | bytes) -> bytes:
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")


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
