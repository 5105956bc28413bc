"""The way out: the login ends here, in copies of its cookie, and in pages that are still open."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from lib.store.database import Database
from lib.store.log_outs import LogOuts
from lib.web import keyring as keys
from lib.web import sockets
from lib.web.gate import Gate
from lib.web.keyring import Keyring
from lib.web.login import login_routes
from lib.web.logins import EndedLogins
from lib.web.logout import logout_routes
from lib.web.sockets import Sockets
from lib.web.throttle import Throttle
from tests.api.conftest import serving
from tests.api.doors import PASSWORD, auth, browser, call, cookie
from tests.faults.conftest import kept
from tests.unit.builders import Clock, wait_until


async def parrot(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def site(keyring: Keyring | None = None) -> Starlette:
    keyring, throttle = keyring or Keyring(PASSWORD), Throttle()
    routes = [*login_routes(keyring, throttle), *logout_routes(keyring)]
    stack = [Middleware(Gate, keyring, throttle, True), Middleware(Sockets, keyring, True)]
    return Starlette(routes=[*routes, WebSocketRoute("/socket", parrot)], middleware=stack)


def logged_in(app: Starlette) -> TestClient:
    client = browser(app)
    client.post("/login", data={"password": PASSWORD})
    return client


def test_the_page_asks_first() -> None:
    """GET shows one button and ends nothing: a link cannot log anyone out."""
    client = logged_in(site())
    page = client.get("/logout")

    assert '<form method="post" action="/logout">' in page.text
    assert "Log out" in page.text
    assert page.headers["referrer-policy"] == "same-origin"  # or the form would come from «null»
    assert client.get("/logout").status_code == 200


def test_logging_out_ends_the_login_and_its_copies() -> None:
    """The cookie is taken back, and a copy that somebody kept opens nothing any more."""
    app = site()
    client, other = logged_in(app), logged_in(app)
    ((name, value),) = client.cookies.items()
    left = client.post("/logout", headers={"Origin": "http://testserver"})
    took_back = left.headers["set-cookie"].lower()

    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert "max-age=0" in took_back
    assert "httponly" in took_back
    assert client.get("/logout").status_code == 401
    assert call(app, "/logout", cookie(f"{name}={value}"))[0] == 401
    assert other.get("/logout").status_code == 200


def test_a_database_that_hangs_holds_up_only_the_logout(tmp_path: Path) -> None:
    """It is written beside the event loop: until the database takes it, everybody is served."""
    file = f"sqlite:///{tmp_path}/playground.db"
    with closing(Database(file)) as database:
        keyring = Keyring(PASSWORD, ended=EndedLogins(LogOuts(database)))
        headers = {"Cookie": f"{keyring.cookie_name}={keyring.issue_cookie()}"}
        with serving(site(keyring)) as url, ThreadPoolExecutor(1) as pool:
            with kept(file):
                leaving = pool.submit(httpx2.post, f"{url}/logout", headers=headers, timeout=10)
                assert wait_until(lambda: not keyring.has_cookie(Headers(headers)))
                assert httpx2.get(f"{url}/login", timeout=2).status_code == 200
                assert not leaving.done()

            assert leaving.result().status_code == 303


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver:81"])
def test_a_foreign_page_logs_nobody_out(origin: str) -> None:
    """A POST from another origin is refused like every other change."""
    client = logged_in(site())

    assert client.post("/logout", headers={"Origin": origin}).status_code == 403
    assert client.get("/logout").status_code == 200


def test_it_stands_behind_the_gate() -> None:
    """Strangers cannot ask for it; a program with the password gets the way to the form."""
    app = site()
    bearer = auth(b"Bearer " + PASSWORD.encode())

    assert call(app, "/logout", method="POST")[0] == 401
    assert call(app, "/logout", bearer, method="POST")[0] == 303


@pytest.mark.parametrize("how", ["logged out", "expired"])
def test_an_open_page_ends_at_its_next_click(how: str) -> None:
    """A websocket that opened with a login is closed at the first message after it."""
    clock = Clock()
    keyring = Keyring(PASSWORD, now=clock)
    client = logged_in(site(keyring))
    with client.websocket_connect("/socket") as socket:
        socket.send_text("one")
        assert socket.receive_text() == "one"
        if how == "expired":
            clock.time += keys.COOKIE_MAX_AGE_S + 1
        else:
            client.post("/logout")
        socket.send_text("two")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()

    assert ended.value.code == sockets.POLICY


def test_websockets_of_an_address_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address cannot take all sessions; another gets in, and a place becomes free again."""
    monkeypatch.setattr(sockets, "MOST_OF_ONE", 1)
    app = site()
    client = logged_in(app)
    other = browser(app, "198.51.100.1", cookies=dict(client.cookies))
    with client.websocket_connect("/socket"), other.websocket_connect("/socket"):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/socket"):
            pass
        monkeypatch.setattr(sockets, "MOST", 2)
        with (
            pytest.raises(WebSocketDisconnect) as full,
            browser(app, "127.0.0.1", cookies=dict(client.cookies)).websocket_connect("/socket"),
        ):
            pass
    with client.websocket_connect("/socket") as socket:
        socket.send_text("again")
        assert socket.receive_text() == "again"

    assert refused.value.code == full.value.code == sockets.TRY_LATER
