"""Without the login nothing of the running server opens: no route, no websocket, no old cookie."""

import hashlib
import re
import time
from typing import Any
from unittest.mock import MagicMock

import httpx2
import pytest
from itsdangerous import Signer, TimestampSigner
from streamlit.web.server.starlette.starlette_app import create_streamlit_routes

from lib.web.gate import Keyring
from tests.attacks.sockets import get, shake_hands, statuses
from tests.browser.conftest import PASSWORD, Site

KEYRING = Keyring(PASSWORD)
NAME, GOOD = KEYRING.cookie_name, KEYRING.issue_cookie()
DATA, STAMP, SIGNATURE = GOOD.rsplit(".", 2)
DAY_S = 24 * 3600
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"]
BROWSER = "Accept: text/html"
# Every kind of door: a page, an asset, an upload, a picture, the API, the agent's door.
DOORS = ["/", "/static/index.html", "/media/a.png", "/api/models", "/_stcore/agent/interact"]


@pytest.fixture(scope="module")
def paths(site: Site) -> set[str]:
    """Every path the server has: Streamlit's own table, and what the API says of itself."""
    # Making the table asks nothing of the runtime.
    streamlits = {route.path for route in create_streamlit_routes(MagicMock())}
    login = {"Cookie": f"{NAME}={GOOD}"}
    described = httpx2.get(f"{site.url}/api/openapi.json", headers=login).json()["paths"]
    ours = {f"/api{path}" for path in described}
    helpers = {"/api/openapi.json", "/api/docs", "/api/swagger/swagger-ui-bundle.js"}
    found = {re.sub(r"\{[^}]+\}", "a", path) or "/" for path in streamlits | ours | helpers}
    # If these are gone, the walk below walks past the doors.
    assert {"/_stcore/stream", "/media/a", "/_stcore/upload_file/a/a", "/api/jobs/a"} <= found
    return found


@pytest.mark.parametrize("method", METHODS)
def test_every_route_is_shut_for_every_method(site: Site, paths: set[str], method: str) -> None:
    """Each path of Streamlit's and of the API answers 401, and a browser is led to the login."""
    answers = {path: statuses(get(site, path, method=method)) for path in sorted(paths)}
    seen = {path: statuses(get(site, path, BROWSER, method=method)) for path in sorted(paths)}

    assert {path: found for path, found in answers.items() if found != [401]} == {}
    led = 303 if method == "GET" else 401
    assert {path: found for path, found in seen.items() if found != [led]} == {}


def signed(by: type[Signer] = TimestampSigner, key: Any = None, **options: Any) -> str:
    options = {"salt": b"login cookie", "digest_method": hashlib.sha256} | options
    return by(key or PASSWORD, **options).sign(DATA).decode()


def issued(days: float) -> str:
    """A cookie of our own, signed when the clock stood `days` away from now."""
    return Keyring(PASSWORD, now=lambda: time.time() + days * DAY_S).issue_cookie()


WORTHLESS = {
    "none": "",
    "empty": f"{NAME}=",
    "replayed when over": f"{NAME}={issued(-14.01)}",
    "years old": f"{NAME}={issued(-3650)}",
    "of the future": f"{NAME}={issued(1)}",
    "of another password": f"{NAME}={Keyring('other').issue_cookie()}",
    "of another instance, under its name": (
        f"{Keyring('other').cookie_name}={Keyring('other').issue_cookie()}"
    ),
    "under another instance's name": f"{Keyring('other').cookie_name}={GOOD}",
    "signed with the password": f"{NAME}={signed()}",
    "signed with an empty key": f"{NAME}={signed(key='-')}",
    "of the signer's own salt": f"{NAME}={signed(salt=b'itsdangerous.Signer')}",
    "without a time": f"{NAME}={signed(Signer)}",
    "by SHA-1": f"{NAME}={signed(digest_method=hashlib.sha1)}",
    "by nobody": f"{NAME}={DATA}.{STAMP}.",
    "with no signature": f"{NAME}={DATA}.{STAMP}",
    "with another's time": f"{NAME}={DATA}.{issued(-1).split('.')[-2]}.{SIGNATURE}",
    "with other words": f"{NAME}=admin.{STAMP}.{SIGNATURE}",
    "cut by one": f"{NAME}={GOOD[:-1]}",
    "longer by one": f"{NAME}={GOOD}A",
    "repeated in itself": f"{NAME}={GOOD}.{STAMP}.{SIGNATURE}",
    "in capitals": f"{NAME}={GOOD.upper()}",
    "name in capitals": f"{NAME.upper()}={GOOD}",
    "quoted": f'{NAME}="{GOOD}"',
    "percent-encoded": f"{NAME}={GOOD.replace('.', '%2E')}",
    "as a list": f"{NAME}[]={GOOD}",
    "with a prefix": f"__Host-{NAME}={GOOD}",
    "with commas": f"a=b, {NAME}={GOOD}",
    "the password": f"{NAME}={PASSWORD}",
    "Streamlit's": f"_streamlit_user={GOOD}; _streamlit_session={GOOD}; _streamlit_xsrf={GOOD}",
}


@pytest.mark.parametrize("case", WORTHLESS)
def test_a_worthless_cookie_opens_nothing(site: Site, case: str) -> None:
    """Pages, files, API and websocket stay shut for a forged, replayed or foreign cookie."""
    line = f"Cookie: {WORTHLESS[case]}"

    assert [statuses(get(site, door, line)) for door in DOORS] == [[401]] * len(DOORS)
    assert shake_hands(site, line) == 403


def test_the_good_one_opens_all(site: Site) -> None:
    """What the cases above are measured against; a day old it is as good."""
    for value in (GOOD, issued(-1)):
        line = f"Cookie: a=b; {NAME}={value}"
        answers = [statuses(get(site, door, line))[0] for door in DOORS]

        assert not {401, 403} & set(answers)
        assert shake_hands(site, line) == 101


def test_a_megabyte_of_cookies_is_refused(site: Site) -> None:
    """In one header or in thousands: the connection ends before anybody looks at them."""
    for lines in (["Cookie: " + "a=b; " * 200_000], [f"Cookie: {NAME}={GOOD}"] * 15_000):
        assert set(statuses(get(site, "/api/models", *lines))) <= {400, 431}


OWN = "http://127.0.0.1"
ORIGINS = {
    "foreign": "http://evil.example", "null": "null", "another port": f"{OWN}:81",
    "another scheme": "ftp://127.0.0.1", "a longer name": "http://127.0.0.1.evil.example",
    "userinfo": "http://127.0.0.1@evil.example", "a file": "file://127.0.0.1", "none": "",
    "an extension": "chrome-extension://abcdefgh", "localhost": "http://localhost",
}  # fmt: skip


@pytest.mark.parametrize("case", ORIGINS)
def test_a_websocket_of_a_foreign_page_is_refused(site: Site, case: str) -> None:
    """A browser sends our cookie along for any page; the Origin gives the page away."""
    origin = f"Origin: {ORIGINS[case]}"

    assert shake_hands(site, origin, f"Cookie: {NAME}={GOOD}") == 403
    assert shake_hands(site, f"Origin: {OWN}", origin, f"Cookie: {NAME}={GOOD}") in (400, 403)
    assert shake_hands(site, origin) == 403


def test_a_websocket_of_our_own_page_opens(site: Site) -> None:
    """With our own Origin, and with none, as a program has it, the cookie is enough."""
    assert shake_hands(site, f"Origin: {OWN}", f"Cookie: {NAME}={GOOD}") == 101
    assert shake_hands(site, f"Cookie: {NAME}={GOOD}") == 101
    assert shake_hands(site, f"Origin: {OWN}") == 403


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/api/chat", "/_stcore/stream/", "//"])
def test_no_other_path_takes_a_websocket(site: Site, path: str) -> None:
    """Neither the open paths nor the API can be upgraded, with or without the login."""
    assert shake_hands(site, path=path) in (403, 404)
    assert shake_hands(site, f"Cookie: {NAME}={GOOD}", path=path) in (403, 404, 500)
