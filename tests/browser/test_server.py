"""The server process: start, refusals, doors, stop; over plain HTTP and websocket."""

import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import PASSWORD, Site, Start, start_site, until_healthy
from tests.fakes import FakeServer


def engines_of(server: int) -> list[int]:
    """The process ids of llama.cpp under a server."""
    threads = Path(f"/proc/{server}/task").glob("*/children")
    children = " ".join(thread.read_text() for thread in threads).split()
    named = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
    return [pid for pid, command in named.items() if "llama_server" in command]


def send_slowly(peer: socket.socket, data: bytes) -> None:
    for start in range(0, len(data), 10_000):
        peer.sendall(data[start : start + 10_000])
        time.sleep(0.001)


def is_running(pid: int) -> bool:
    """Whether a process is still there, and not a zombie nobody has collected."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_health_needs_no_login(site: Site) -> None:
    """Whoever watches the server learns that it is ready, and its version."""
    answer = httpx2.get(f"{site.url}/healthz")

    assert answer.json().keys() == {"status", "version"}
    assert answer.json()["status"] == "ok"


@pytest.mark.parametrize(
    "path",
    [
        "/static/index.html", "/media/abc.png", "/_stcore/health", "/_stcore/metrics",
        "/_stcore/host-config", "/component/x/index.html", "/api/models", "/healthz/",
        "//healthz", "/login/../api/models", "/%2e%2e/api/models",
    ],
)  # fmt: skip
def test_every_door_is_shut(site: Site, path: str) -> None:
    """Nothing but health and login answers without a login, Streamlit's own routes included."""
    assert httpx2.get(f"{site.url}{path}").status_code == 401


def test_a_browser_is_led_to_the_login(site: Site) -> None:
    """A page asked for without a login is a redirect that comes back to it."""
    answer = httpx2.get(f"{site.url}/?chat=1", headers={"accept": "text/html"})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/%3Fchat%3D1"


def test_the_websocket_is_shut_too(site: Site) -> None:
    """Streamlit's websocket, the whole app, opens with the cookie only."""
    address = site.url.replace("http", "ws") + "/_stcore/stream"
    with pytest.raises(InvalidStatus) as refused:
        connect(address)
    form = {"password": PASSWORD}
    login = httpx2.post(f"{site.url}/login", data=form, follow_redirects=False)
    cookie = login.headers["set-cookie"].partition(";")[0]

    assert refused.value.response.status_code == 403
    with connect(address, additional_headers={"Cookie": cookie}) as socket:
        assert socket.protocol.state.name == "OPEN"
    with pytest.raises(InvalidStatus):
        connect(address, additional_headers={"Cookie": cookie}, origin="http://evil.example")


def test_a_forged_forwarding_header_does_not_dodge_the_throttle(start: Start) -> None:
    """Wrong tries count by the real peer, whatever the headers claim."""
    site = start(APP_PASSWORD=PASSWORD, EMBEDDED_MODEL="off")
    statuses = [
        httpx2.get(
            f"{site.url}/api/models",
            headers={
                "Authorization": "Bearer wrong",
                "X-Forwarded-For": f"10.0.0.{number}:{1000 + number}",
            },
        ).status_code
        for number in range(7)
    ]
    right = {"Authorization": f"Bearer {PASSWORD}"}

    assert statuses == [401] * 5 + [429] * 2
    assert httpx2.get(f"{site.url}/api/models", headers=right).status_code == 429


def test_stop_ends_everything_in_time(start: Start, fake: FakeServer) -> None:
    """SIGTERM in mid-answer ends answers, server and embedded model within ten seconds."""
    site = start(APP_PASSWORD=PASSWORD, OLLAMA_HOST=fake.url)
    token = {"Authorization": f"Bearer {PASSWORD}"}
    ask = {"model": "smollm2-135m", "message": "hi", "max_tokens": 2}
    httpx2.post(f"{site.url}/api/chat", json=ask, headers=token, timeout=30).raise_for_status()
    ask = {"model": "ollama/gemma3:4b", "message": "#tokens=900 #pace=0.1", "stream": True}
    with httpx2.stream("POST", f"{site.url}/api/chat", json=ask, headers=token) as answer:
        lines = answer.iter_lines()
        next(lines)
        engines = engines_of(site.process.pid)
        took = site.stop()
        *_, last = (line for line in lines if line)

    assert len(engines) == 1
    assert took < 10
    assert '"finish": "stopped"' in last
    assert site.process.returncode in (0, -signal.SIGTERM)  # uvicorn ends by the signal it got
    assert not is_running(engines[0])


def test_the_password_is_made_once(start: Start) -> None:
    """Later starts keep the password, and show the link until somebody has used it."""
    first = start(EMBEDDED_MODEL="off")
    password = first.wait_for_log(r"The password is (\S+)")[1]
    first.stop()
    second = start(EMBEDDED_MODEL="off")
    bearer = {"Authorization": f"Bearer {password}"}
    answer = httpx2.get(f"{second.url}/api/models", headers=bearer)
    links = re.findall(r"http\S+(/login\?token=\S+)", second.log)
    used = httpx2.get(f"{second.url}{links[-1]}")
    second.stop()
    third = start(EMBEDDED_MODEL="off")

    assert answer.status_code == 200
    assert (len(links), used.status_code) == (2, 303)
    third.wait_for_log(r"The password is in \S+/data/password")
    assert third.log.count("/login?token=") == 2


def test_the_api_describes_itself(visit: Callable[..., Page]) -> None:
    """/api/docs draws every call from this server's own files."""
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page.url.partition("/?")[0].rstrip("/") + "/api/docs")

    expect(page.get_by_text("/estimate").first).to_be_visible()
    expect(page.get_by_text("/vision").first).to_be_visible()
    assert all(url.startswith(("http://127.0.0.1", "data:", "blob:")) for url in asked)


def test_an_endless_head_is_refused(site: Site) -> None:
    """A request's head is bounded before anybody asks for a password."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_slowly(stranger, b"y" * 2_000_000)

    assert httpx2.get(f"{site.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("settings", "address", "said"),
    [
        ({"APP_AUTH": "off"}, "0.0.0.0", "APP_AUTH: «off» is not accepted"),
        ({"MODEL_TIMEOUT_S": "soon"}, "127.0.0.1", "MODEL_TIMEOUT_S: «soon» is not accepted"),
        ({"OLLAMA_HOST": "ftp://x"}, "127.0.0.1", "OLLAMA_HOST: «ftp://x» is not accepted"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, settings, address, said) -> None:
    """One line with name, value and what is accepted; no traceback, no open port."""
    site = start_site(tmp_path, address=address, **settings)
    site.process.wait(timeout=30)

    assert site.process.returncode != 0
    assert said in site.log
    assert "Traceback" not in site.log


def test_without_a_login_only_loopback_names_are_served(start: Start) -> None:
    """APP_AUTH=off on loopback is open to this machine and to no rebound name."""
    site = start(APP_AUTH="off", EMBEDDED_MODEL="off")

    assert httpx2.get(f"{site.url}/api/models").status_code == 200
    foreign = httpx2.get(f"{site.url}/api/models", headers={"Host": "evil.example"})
    assert foreign.status_code == 403


def test_a_killed_server_starts_again_with_everything(start: Start, tmp_path: Path) -> None:
    """After kill -9 the embedded model is gone with it, and the ledger still there."""
    site = start(APP_PASSWORD=PASSWORD)
    token = {"Authorization": f"Bearer {PASSWORD}"}
    body = {"message": "hi", "max_tokens": 3, "model": "smollm2-135m"}
    first = httpx2.post(f"{site.url}/api/chat", json=body, headers=token, timeout=30)
    site.stop(signal.SIGKILL)
    again = until_healthy(start_site(tmp_path, APP_PASSWORD=PASSWORD))
    answer = httpx2.post(f"{again.url}/api/chat", json=body, headers=token, timeout=30)
    again.stop()

    assert (first.status_code, answer.status_code) == (200, 200)
