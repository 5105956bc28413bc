"""Foreign pages and rebound names cannot use what a browser or this machine may do."""

import pytest

from tests.api.doors import BEARER, Headers, auth, build, call, cookie, error_of

FOREIGN = [b"http://evil.example", b"null", b"", b"http://testserver:81", b"http://testserver.evil",
           b"testserver", b"http://", b"http://evil@testserver", b"file://testserver", b"\xff",
           b"http://testserver/", b"https://evil.example#testserver"]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(("enabled", "login"), [(True, cookie()), (False, [])])
def test_foreign_pages_cannot_use_the_login(origin: bytes, enabled: bool, login: Headers) -> None:
    """A change or a websocket from another origin is refused though the browser sent the cookie."""
    app = build(enabled=enabled)
    host = b"testserver" if enabled else b"localhost"
    headers = [*login, (b"origin", origin.replace(b"testserver", host))]
    status, _, body = call(app, "/api/chat", headers, method="POST", hosts=[host])

    assert status == 403
    assert error_of(body)["code"] == "unauthorized"
    assert call(app, headers=headers, method="DELETE", hosts=[host])[0] == 403
    assert call(app, headers=headers, type="websocket", hosts=[host])[0] == 1008
    assert call(app, headers=headers, hosts=[host])[0] == 200


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_pages_cannot_try_passwords(origin: bytes) -> None:
    """A form of a foreign page is refused unread, so it cannot lock its reader's address out."""
    app = build()
    for _ in range(7):
        status, _, body = call(app, "/login", [(b"origin", origin)], method="POST")
        assert status == 403
    assert error_of(body)["code"] == "unauthorized"
    assert call(app, headers=auth(BEARER))[0] == 200


@pytest.mark.parametrize(
    ("origin", "host"),
    [(b"http://testserver", b"testserver"), (b"https://TestServer", b"testserver:443"),
     (b"http://testserver:80", b"testserver"), (b"http://[::1]:8501", b"[::1]:8501")],
)  # fmt: skip
def test_own_pages_can_use_the_login(origin: bytes, host: bytes) -> None:
    """Our own pages send our own origin; default ports may be left out."""
    headers = [*cookie(), (b"origin", origin)]

    assert call(build(), headers=headers, method="POST", hosts=[host])[0] == 200
    assert call(build(), headers=headers, type="websocket", hosts=[host])[0] == 0


def test_a_bearer_needs_no_origin() -> None:
    """No foreign page knows the password: with it the origin does not matter."""
    headers = [*cookie(), *auth(BEARER), (b"origin", b"http://evil.example")]

    assert call(build(), headers=headers, method="POST")[0] == 200


@pytest.mark.parametrize("origins", [[b"http://testserver"], [b"http://"], [b"http://", b"null"]])
@pytest.mark.parametrize("hosts", [[], [b""], [b"testserver", b"evil.example"]])
def test_an_unclear_host_matches_no_origin(hosts: list[bytes], origins: list[bytes]) -> None:
    """Without one single Host header no origin can be called our own."""
    headers = [*cookie(), *((b"origin", origin) for origin in origins)]

    assert call(build(), headers=headers, method="POST", hosts=hosts)[0] == 403


def test_every_origin_must_be_our_own() -> None:
    """A foreign Origin header beside one of ours is foreign."""
    headers = [*cookie(), (b"origin", b"http://testserver"), (b"origin", b"http://evil.example")]

    assert call(build(), headers=headers, method="POST")[0] == 403


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:8501", b"127.0.0.1:1", b"[::1]:8501"])
def test_without_a_login_loopback_names_pass(host: bytes) -> None:
    """With the gate off everything opens to the machine itself."""
    app = build(enabled=False)

    assert call(app, "/api/models", hosts=[host])[2] == b"inside"
    assert call(app, "/api/chat", hosts=[host], method="POST")[0] == 200
    assert call(app, type="websocket", hosts=[host])[0] == 0


@pytest.mark.parametrize(
    "hosts",
    [[], [b""], [b"evil.example"], [b"localhost.evil.example"], [b"127.0.0.1.nip.io"], [b"::1"],
     [b"localhost@evil"], [b"localhost:"], [b"localhost:80:80"], [b"localhost\n"], [b"\xff"],
     [b"localhost", b"evil.example"], [b"0.0.0.0"], [b"192.168.1.7:8501"]],
)  # fmt: skip
def test_without_a_login_other_names_are_refused(hosts: list[bytes]) -> None:
    """A name that was rebound to 127.0.0.1 gets nothing but the health answer."""
    app = build(enabled=False)
    status, _, body = call(app, "/", [(b"accept", b"text/html")], hosts=hosts)

    assert status == 403
    assert error_of(body)["code"] == "unauthorized"
    assert call(app, "/login", hosts=hosts)[0] == 403
    assert call(app, "/healthz", hosts=hosts, method="POST")[0] == 403
    assert call(app, "/healthz", hosts=hosts, type="websocket")[0] == 1008
    assert call(app, "/healthz", hosts=hosts)[0] == 200
