"""The gate, driven from outside: what opens, what stays shut, and how it says so."""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.websockets import WebSocketDisconnect

from lib.web.keyring import Keyring
from tests.api.doors import BEARER, COOKIE, Headers, auth, browser, build, call, cookie, error_of


@pytest.mark.parametrize("path", ["/", "/chat", "/static/a.js", "/media/x.png", "/api/chat"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_opens_without_a_login(path: str, method: str) -> None:
    """Every path and method answers 401 as JSON and asks for a bearer token."""
    status, headers, body = call(build(), path, method=method)

    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert error_of(body)["code"] == "unauthorized"


ODD_PATHS = [
    "//login", "/login/", "/LOGIN", "/login/x", "/healthz/", "/healthz/../x", "/login/../x",
    "/%2flogin", "/%6cogin", "/login%00", "/login\\", "/./login", "/x/../login", "/login;x",
    "/healthz;/login", "/login?x=/healthz", "login", "healthz", "//healthz", "/HealthZ",
    "/login\x00", "/login ", " /login", "/login\n", "", "/_stcore/health", "/_stcore/metrics",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD_PATHS)
def test_only_the_exact_path_is_open(path: str) -> None:
    """No odd spelling of an open path opens anything."""
    app = build()

    assert call(app, path)[0] == 401
    assert call(app, path, method="POST")[0] == 401
    assert call(app, path, type="websocket")[0] == 1008


@pytest.mark.parametrize("path", ["/healthz", "/login"])
def test_open_paths_are_open_for_their_own_methods_only(path: str) -> None:
    """Health and login answer anybody's GET and HEAD; neither lets a websocket or a PUT through."""
    app = build()

    assert call(app, path)[0] == 200
    assert call(app, path, method="HEAD")[0] == 200
    assert call(app, path, method="PUT")[0] == 401
    assert call(app, path, type="websocket")[0] == 1008


@pytest.mark.parametrize("headers", [cookie(), auth(BEARER), auth(BEARER.replace(b"B", b"b", 1))])
def test_cookie_or_bearer_opens_everything(headers: Headers) -> None:
    """A login cookie or the password as bearer token opens pages and API, to read and write."""
    app = build()

    assert call(app, "/api/models", headers)[2] == b"inside"
    assert call(app, "/_stcore/upload_file/a/b", headers, method="PUT")[2] == b"inside"


@pytest.mark.parametrize("password", ["voilà", "Ġ", "密码", "two words"])
def test_a_password_in_any_alphabet_works_as_bearer(password: str) -> None:
    """Bytes of a UTF-8 password that look like blanks in Latin-1 are not trimmed away."""
    app = build(Keyring(password))

    assert call(app, headers=auth(b"Bearer  " + password.encode() + b" "))[0] == 200


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer ", b"Basic " + BEARER[7:], BEARER[7:], BEARER + b"x", BEARER[:-1],
     BEARER.upper(), b"Bearer\t" + BEARER[7:], b"Bearer Bearer x", BEARER + b", " + BEARER,
     b"\xff\xfe\x00", b"Bearer \xff\xff", b"Bearer " + b"x" * 60_000],
)  # fmt: skip
def test_odd_authorizations_open_nothing(value: bytes) -> None:
    """Whatever stands in Authorization, only the right bearer token opens."""
    assert call(build(), headers=auth(value))[0] == 401


def test_two_authorizations_open_nothing() -> None:
    """Two Authorization headers are ambiguous, so even a right one among them does not open."""
    assert call(build(), headers=auth(BEARER) + auth(b"Bearer wrong"))[0] == 401
    assert call(build(), headers=auth(b"Bearer wrong") + auth(BEARER))[0] == 401


def test_a_browser_is_led_to_the_login_and_back() -> None:
    """A GET that accepts HTML goes to /login with the wished path and query, encoded."""
    app, html = build(), [(b"accept", b"application/xml, TEXT/html;q=0.9")]
    status, headers, _ = call(app, "/a b/ü&x", html, query_string=b"job=1&next=//evil.example")
    wanted = parse_qs(urlsplit(headers["location"]).query)["next"]

    assert status == 303
    assert urlsplit(headers["location"]).path == "/login"
    assert wanted == ["/a%20b/%C3%BC%26x?job=1&next=//evil.example"]
    assert call(app, "/", html, method="POST")[0] == 401
    assert call(app, "/", [*html, *auth(b"Bearer wrong")])[0] == 401


def test_the_lifespan_passes() -> None:
    """Start and stop of the server reach the app behind the gate."""
    with browser(build()) as client:
        assert client.get("/healthz").status_code == 200


def test_a_websocket_needs_a_login() -> None:
    """Without a login the handshake is refused before it is accepted; cookie or bearer opens it."""
    client = browser(build())

    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/_stcore/stream"):
        pass
    assert refused.value.code == 1008
    assert call(build(), type="websocket", headers=auth(b"Bearer wrong"))[0] == 1008
    assert call(build(), type="websocket", headers=auth(BEARER))[0] == 0
    with client.websocket_connect("/_stcore/stream", headers={"Cookie": COOKIE}) as socket:
        assert socket.receive_text() == "inside"
