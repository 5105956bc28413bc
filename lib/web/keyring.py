"""The secrets that open the gate: one password, the login cookies it signs, a link good once."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import Headers

from lib.web.logins import EndedLogins

COOKIE_MAX_AGE_S = 14 * 24 * 3600
MAX_COOKIE_CHARACTERS = 16_384
MAX_COOKIES = 20  # of our name; each costs a signature


class _Signer(TimestampSigner):
    def __init__(self, key: bytes, now: Callable[[], float]) -> None:
        super().__init__(key, salt=b"login cookie", digest_method=hashlib.sha256)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now())


class Keyring:
    """Knows a right secret from a wrong one.

    A cookie is an id and a time, signed: nothing on the server but the list of `ended` logins tells
    one from another, so a stolen one is good until it expires, is logged out, or the password
    changes. `now` is the wall clock in seconds. Raises ValueError for an empty password.
    """

    def __init__(
        self,
        password: str,
        token_file: Path | None = None,
        now: Callable[[], float] = time.time,
        ended: EndedLogins | None = None,
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
        self._now, self._ended = now, ended or EndedLogins(now=now)
        # Cookies ignore ports: two instances on a host only get along under different names.
        self.cookie_name = f"login_{self._digest('cookie name').hex()[:8]}"

    def password_ok(self, candidate: str | bytes) -> bool:
        """Compare in a time that tells neither the password nor its length."""
        return hmac.compare_digest(self._digest(candidate), self._password)

    def issue_cookie(self) -> str:
        """A cookie value that is good for `COOKIE_MAX_AGE_S` seconds from now."""
        return self._signer.sign(secrets.token_hex(8)).decode("ascii")

    def cookie_ok(self, value: str) -> bool:
        """Whether a cookie's value is signed by us, has not expired and was not logged out."""
        return self._login(value) is not None

    def good_cookies(self, headers: Headers) -> list[str]:
        """The values of our name that are good: one planted by a neighbour must not mask it."""
        return [value for value in self._cookies(headers) if self.cookie_ok(value)]

    def has_cookie(self, headers: Headers) -> bool:
        return any(self.cookie_ok(value) for value in self._cookies(headers))

    def end(self, headers: Headers) -> None:
        """Log out: the cookies of this browser open nothing here any more, copies of them neither.

        Writes to the database, so not on the event loop; other machines on it learn of it within
        seconds (`EndedLogins`).
        """
        for value in self.good_cookies(headers):
            if login := self._login(value):
                self._ended.add(login, self._now() + COOKIE_MAX_AGE_S)

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

    def _login(self, value: str) -> str | None:
        """The id in a good cookie."""
        try:
            signed = self._signer.unsign(_as_bytes(value), max_age=COOKIE_MAX_AGE_S)
        except BadSignature:
            return None
        login = signed.decode("ascii", "replace")
        return None if login in self._ended else login

    def _cookies(self, headers: Headers) -> Iterator[str]:
        given = ";".join(headers.getlist("cookie"))[:MAX_COOKIE_CHARACTERS].split(";")
        pairs = (part.partition("=") for part in given)
        ours = [value.strip() for key, _, value in pairs if key.strip() == self.cookie_name]
        yield from ours[:MAX_COOKIES]

    def _digest(self, secret: str | bytes) -> bytes:
        return hmac.digest(self._key, _as_bytes(secret), "sha256")


def _as_bytes(secret: str | bytes) -> bytes:
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
