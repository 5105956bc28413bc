"""By which names the server may be called, and what it says to the others."""

import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from lib.store.settings import Settings, WrongSetting, read
from lib.web.hosts import Hosts
from tests.api.conftest import serving
from tests.api.doors import call, echo, error_of, hello


def site(*allowed: str) -> Starlette:
    routes = [WebSocketRoute("/{path:path}", echo), Route("/{path:path}", hello)]
    return Starlette(routes=routes, middleware=[Middleware(Hosts, allowed)])


ODD = [
    [], [b""], [b" "], [b"a", b"a"], [b"a", b"b"], [b"a b"], [b"a\t"], [b"a/"], [b"a/b"], [b"a?b"],
    [b"a#b"], [b"u@a"], [b"u:p@a"], [b"http://a"], [b"//a"], [b"a:"], [b"a:b"], [b"a:0"],
    [b"a:65536"], [b"a:123456"], [b"a:80:80"], [b":80"], [b"."], [b"-a"], [b".a"], [b"a,b"],
    [b"a;b"], [b"a\r\nX: y"], [b"a\x00"], [b"\xc3\xa4"], [b"\xff"], [b"::1"], [b"[::1"],
    [b"::1]"], [b"[]"], [b"[a"], [b"[::1]80"], [b"[fe80::1%25eth0]"], [b"a" * 254], [b"*"],
    [b"*.a"], [b"<script>"], [b"%61"], [b"a\\b"],
]  # fmt: skip


@pytest.mark.parametrize("hosts", ODD)
def test_an_odd_host_is_refused_first(hosts: list[bytes]) -> None:
    """A Host that is missing, repeated or no host gets 400 from pages and API, or no websocket."""
    status, headers, body = call(site(), "/", hosts=hosts)

    assert status == 400
    assert headers["cache-control"] == "no-store"
    assert error_of(body)["code"] == "bad_input"
    assert error_of(body)["message"].startswith("Host: ")
    assert call(site(), "/healthz", hosts=hosts, type="websocket")[0] == 1008


@pytest.mark.parametrize("hosts", [[], [b""], [b"a b"], [b"a", b"b"]])
def test_the_health_may_be_asked_under_any_host(hosts: list[bytes]) -> None:
    """Whoever watches a server may know no name: HAProxy asks over HTTP/1.0, without a Host."""
    assert call(site("gpu.example"), "/healthz", hosts=hosts)[0] == 200


def test_health_over_http_1_0() -> None:
    """The check of a balancer passes through the server itself too."""
    with serving(site()) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")

            assert b" 200 OK\r\n" in peer.recv(4000)


@pytest.mark.parametrize(
    "host",
    [b"a", b"localhost", b"A.Example:8501", b"gpu_7.lan", b"a.example.", b"203.0.113.5:80",
     b"[2001:db8::1]:8501", b"[::ffff:203.0.113.5]", b"xn--bcher-kva.example", b"a:65535",
     b"a" * 63 + b".example"],
)  # fmt: skip
def test_any_real_host_passes_by_default(host: bytes) -> None:
    """A rented machine does not know its name, so without ALLOWED_HOSTS every name will do."""
    assert call(site(), hosts=[host])[0] == 200
    assert call(site(), hosts=[host], type="websocket")[0] == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [(b"gpu.example", 200), (b"GPU.Example:8501", 200), (b"gpu.example.", 200),
     (b"a.lab.example", 200), (b"lab.example", 421), (b"evillab.example", 421),
     (b"gpu.example.evil", 421), (b"evil.example", 421), (b"203.0.113.5", 421),
     (b"localhost:8501", 200), (b"127.0.0.1", 200), (b"[::1]:1", 200)],
)  # fmt: skip
def test_only_the_allowed_names_pass(host: bytes, status: int) -> None:
    """With ALLOWED_HOSTS only those names, names below a *.name, and this machine itself."""
    app = site("gpu.example", "*.lab.example")
    got, _, body = call(app, hosts=[host])

    assert got == status
    assert call(app, hosts=[host], type="websocket")[0] == (0 if status == 200 else 1008)
    assert call(app, "/healthz", hosts=[host])[0] == 200
    if status == 421:
        assert "ALLOWED_HOSTS" in error_of(body)["hint"]


def test_the_setting_is_a_list_of_names() -> None:
    """Comma separated, in any case; ports, schemes and paths are refused at the start."""
    assert Settings().allowed_hosts == []
    assert read(allowed_hosts="GPU.example, *.lab.example,[::1]").allowed_hosts == [
        "gpu.example", "*.lab.example", "[::1]",
    ]  # fmt: skip
    for wrong in ("http://a", "a:80", "a/b", "*", "*a", "a b", "@"):
        with pytest.raises(WrongSetting, match="ALLOWED_HOSTS"):
            read(allowed_hosts=wrong)
