"""The gate and the login, driven from outside: what opens, what stays shut, and how it says so."""

import asyncio
import itertools
import json
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from lib.core.errors import RateLimited
from lib.web import gate
from lib.web.gate import Gate, Keyring, Throttle, client_address
from lib.web.login import login_routes, safe_next

PASSWORD = "grün & sure"
BEARER = b"Bearer " + PASSWORD.encode()
KEYRING = Keyring(PASSWORD)
COOKIE = f"{KEYRING.cookie_name}={KEYRING.issue_cookie()}"
WRONG = {"password": "wrong"}


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def build(
    keyring: Keyring = KEYRING, throttle: Throttle | None = None, enabled: bool = True
) -> Starlette:
    throttle = throttle or Throttle()
    everything = Route("/{path:path}", hello, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    routes = [*login_routes(keyring, throttle), WebSocketRoute("/{path:path}", echo), everything]
    shut = Middleware(Gate, keyring=keyring, throttle=throttle, enabled=enabled)
    return Starlette(routes=routes, middleware=[shut])


def browser(app: Starlette, address: str = "203.0.113.5", **options: Any) -> TestClient:
    return TestClient(app, follow_redirects=False, client=(address, 50_000), **options)


Headers = list[tuple[bytes, bytes]]


def call(
    app: Starlette,
    path: str = "/",
    headers: Headers | None = None,
    hosts: Sequence[bytes] = (b"testserver",),
    **scope: Any,
) -> tuple[int, dict[str, str], bytes]:
    """One raw ASGI call, so that nothing tidies up paths and headers on the way.

    The number is the status of http; for a websocket it is 1008 when shut and 0 when accepted.
    """
    sent: list[dict[str, Any]] = []
    whole: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http",
        "headers": [*((b"host", host) for host in hosts), *(headers or [])],
        "client": ("203.0.113.5", 50_000), **scope,
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        kind = "websocket.connect" if whole["type"] == "websocket" else "http.disconnect"
        return {"type": kind}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(whole, receive, send))
    start = sent[0]
    fields = {name.decode(): value.decode() for name, value in start.get("headers", [])}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return start.get("status", start.get("code", 0)), fields, body


def error_of(body: bytes) -> dict[str, Any]:
    error = json.loads(body)["error"]
    assert error["message"]
    assert error["hint"]
    return dict(error)


def auth(value: bytes) -> Headers:
    return [(b"authorization", value)]


def cookie(value: str = COOKIE) -> Headers:
    return [(b"cookie", value.encode())]


# What opens, and what does not


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


# Cookies


def forged() -> list[str]:
    name, value = KEYRING.cookie_name, KEYRING.issue_cookie()
    data, stamp, signature = value.split(".")
    other = Keyring("another password").issue_cookie()
    values = [
        "", ".", "..", "in", "\x00", "é", value[:-2], value[:-4] + "AAAA", f"{data}.{stamp}.",
        f"{data}x.{stamp}.{signature}", f"{data}.zzzzzz.{signature}", f"{data}.{signature}", other,
        f"{data}.{'z' * 3000}.{signature}", value.upper(), value.replace(".", ":"), PASSWORD,
    ]  # fmt: skip
    return [f"{name}={value}" for value in values] + [value, f"x{name}={value}", f"login={value}"]


@pytest.mark.parametrize("line", forged())
def test_forged_cookies_open_nothing(line: str) -> None:
    """Only a value signed with this server's key, under this server's name, is a login."""
    assert call(build(), headers=cookie(line))[0] == 401


def test_a_cookie_ends_after_fourteen_days() -> None:
    """The login lasts 14 days and not longer; a cookie from the future is none."""
    clock = Clock()
    keyring = Keyring(PASSWORD, now=clock)
    value = keyring.issue_cookie()
    clock.seconds += 14 * 24 * 3600
    last_day = keyring.cookie_ok(value)
    clock.seconds += 1
    too_late = keyring.cookie_ok(value)
    clock.seconds -= 15 * 24 * 3600

    assert (last_day, too_late, keyring.cookie_ok(value)) == (True, False, False)


def test_a_changed_password_ends_all_sessions() -> None:
    """Cookies outlive a restart with the same password, and die with another one."""
    value = KEYRING.issue_cookie()
    changed = Keyring("changed")

    assert Keyring(PASSWORD).cookie_ok(value)
    assert not changed.cookie_ok(value)
    assert call(build(changed), headers=cookie(f"{changed.cookie_name}={value}"))[0] == 401
    assert changed.cookie_name != KEYRING.cookie_name


def test_a_planted_cookie_does_not_mask_the_good_one() -> None:
    """Among several cookies of the name, in one header or in several, a good one counts."""
    bad = f"{KEYRING.cookie_name}=planted"

    assert call(build(), headers=cookie(f"a=b; {bad};{COOKIE} ; {bad}"))[0] == 200
    assert call(build(), headers=[*cookie(bad), *cookie(COOKIE), *cookie("\xff; ;=;")])[0] == 200


def test_an_empty_password_is_refused() -> None:
    """A server without a password must not start."""
    with pytest.raises(ValueError, match="empty"):
        Keyring("")


# Websockets


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


# Foreign pages


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


# Wrong tries


def test_the_sixth_wrong_try_and_the_right_one_after_it_wait() -> None:
    """Five wrong bearers are 401, the sixth 429, the right one too until the minute is over."""
    clock = Clock()
    app = build(throttle=Throttle(clock))
    statuses = [call(app, headers=auth(b"Bearer wrong"))[0] for _ in range(6)]
    clock.seconds += 17.5
    status, headers, body = call(app, headers=auth(BEARER))

    assert statuses == [401] * 5 + [429]
    assert (status, headers["retry-after"]) == (429, "43")
    assert error_of(body)["code"] == "rate_limited"
    assert error_of(body)["retry_after_s"] == 43
    assert call(app, type="websocket", headers=auth(BEARER))[0] == 1008
    assert call(app, headers=cookie())[0] == 200
    assert call(app, headers=[*cookie(), *auth(b"Bearer wrong")])[0] == 200
    assert call(app)[0] == 401
    assert call(app, headers=auth(BEARER), client=("198.51.100.1", 1))[0] == 200
    clock.seconds += 43
    assert call(app, headers=auth(BEARER))[0] == 200


def test_right_tries_neither_count_nor_clear() -> None:
    """A right password among wrong ones passes, and leaves the count of wrong ones as it is."""
    app = build(throttle=Throttle(Clock()))
    values = [b"Bearer wrong"] * 5 + [BEARER] * 9 + [b"Bearer wrong"]

    assert [call(app, headers=auth(value))[0] for value in values] == [401] * 5 + [200] * 9 + [429]


def test_form_link_bearer_and_websocket_count_together() -> None:
    """All doors share one count per address."""
    app = build(throttle=Throttle(Clock()))
    client = browser(app)
    statuses = [
        client.post("/login", data=WRONG).status_code,
        client.get("/login?token=wrong").status_code,
        call(app, type="websocket", headers=auth(b"Bearer wrong"))[0],
        call(app, headers=auth(b"Bearer "))[0],
        client.post("/login", data={"password": ""}).status_code,
        client.post("/login", data=WRONG).status_code,
    ]
    late = client.post("/login", data={"password": PASSWORD})

    assert statuses == [401, 401, 1008, 401, 401, 429]
    assert (late.status_code, late.headers["retry-after"]) == (429, "60")
    assert "wait 60 seconds" in late.text
    assert "set-cookie" not in late.headers


def test_the_minute_slides() -> None:
    """A try stops counting when it is a minute old, one by one."""
    clock = Clock()
    throttle = Throttle(clock)

    def wrong() -> bool:
        return throttle.attempt("a", lambda: False)

    for _ in range(5):
        wrong()
        clock.seconds += 9
    with pytest.raises(RateLimited) as sixth:
        wrong()
    clock.seconds += 14.5
    with pytest.raises(RateLimited) as still:
        throttle.attempt("a", lambda: True)
    clock.seconds += 0.5

    assert (sixth.value.retry_after_s, still.value.retry_after_s) == (15, 1)
    assert throttle.attempt("a", lambda: True)
    with pytest.raises(RateLimited):
        wrong()


def test_a_throttled_secret_is_not_looked_at() -> None:
    """While an address waits, its tries are not compared, so a login link is not used up either."""
    throttle = Throttle(Clock())
    looked: list[int] = []

    def look() -> bool:
        looked.append(1)
        return False

    for _ in range(9):
        try:
            throttle.attempt("a", look)
        except RateLimited:
            continue

    assert len(looked) == 6


def test_the_throttle_forgets() -> None:
    """It remembers a bounded number of addresses, and none for longer than needed."""
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(gate.MAX_ADDRESSES + 500):
        throttle.attempt(f"address {number}", lambda: False)
    crowded = len(throttle._wrong)
    clock.seconds += 60
    throttle.attempt("later", lambda: False)

    assert crowded == gate.MAX_ADDRESSES
    assert list(throttle._wrong) == ["later"]


def in_threads(work: Callable[[], bool], count: int = 24) -> list[bool]:
    """What `work` answers in many threads at once; RateLimited counts as False."""
    answers: list[bool] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        try:
            answers.append(work())
        except RateLimited:
            answers.append(False)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_tries_in_parallel_do_not_slip_through() -> None:
    """However many threads try at once, six secrets are looked at."""
    throttle = Throttle(Clock())
    looked: list[int] = []

    def look() -> bool:
        looked.append(1)
        threading.Event().wait(0.002)
        return False

    in_threads(lambda: throttle.attempt("a", look))

    assert len(looked) == 6


@pytest.mark.parametrize(
    ("client", "counted"),
    [(("203.0.113.5", 1), "203.0.113.5"), (("::ffff:203.0.113.5", 1), "203.0.113.5"),
     (("2001:db8::1", 1), "20010db800000000::/64"), (None, "unknown"), (("odd", 1), "odd"),
     (("2001:db8::ffff:1:2:3", 1), "20010db800000000::/64")],
)  # fmt: skip
def test_addresses_are_counted_by_what_their_owner_holds(client: Any, counted: str) -> None:
    """IPv4 counts alone, also inside IPv6; an IPv6 network of one customer counts as one."""
    assert client_address({"client": client, "headers": []}) == counted


def test_a_client_named_by_the_header_is_loopback() -> None:
    """What uvicorn took from a local caller's X-Forwarded-For counts as that caller."""
    scope = {"client": ("198.51.100.1", 0), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}

    assert client_address(scope) == "127.0.0.1"


def test_a_written_address_does_not_help() -> None:
    """X-Forwarded-For gives nobody fresh tries."""
    app = build()
    statuses = [
        call(app, headers=[(b"x-forwarded-for", b"198.51.100.%d" % number), *auth(b"Bearer no")])[0]
        for number in range(6)
    ]

    assert statuses[-1] == 429


# The form


def test_the_form_is_plain_and_shut_in() -> None:
    """One labelled password field, no script, nothing from outside, never stored or framed."""
    answer = browser(build()).get("/login?next=/chat")
    policy = answer.headers["content-security-policy"]

    assert answer.status_code == 200
    assert re.search(r'<label for="password">.*name="password" type="password"', answer.text, re.S)
    assert "autofocus" in answer.text
    assert "width=device-width" in answer.text
    assert "color-scheme: light dark" in answer.text
    assert 'value="/chat"' in answer.text
    assert 'role="alert"' not in answer.text
    assert not re.search(r"<script|javascript:|https?://|url\(|@import|src=| on\w+=", answer.text)
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_right_password_logs_in() -> None:
    """The form sets a cookie that opens the gate, and leads to the wished page."""
    client = browser(build())
    answer = client.post("/login", data={"password": PASSWORD, "next": "/classify?job=1"})
    kept = answer.headers["set-cookie"].lower()

    assert (answer.status_code, answer.headers["location"]) == (303, "/classify?job=1")
    assert "httponly" in kept
    assert "samesite=lax" in kept
    assert "path=/;" in kept
    assert "max-age=1209600" in kept
    assert "secure" not in kept
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/api/models").text == "inside"


def test_the_form_may_come_as_multipart_and_from_origin_null() -> None:
    """Both form encodings work; browsers send Origin: null from a page without referrer."""
    fields = {"password": (None, PASSWORD), "next": (None, "/x")}
    answer = browser(build()).post("/login", files=fields, headers={"Origin": "null"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/x")
    assert (
        browser(build()).post("/login?next=/y", data={"password": PASSWORD}).headers["location"]
        == "/y"
    )


@pytest.mark.parametrize(
    ("base", "proto", "secure"),
    [("http://testserver", None, False), ("https://testserver", None, True),
     ("http://testserver", "https", True), ("http://testserver", "HTTPS, http", True),
     ("http://testserver", "http", False)],
)  # fmt: skip
def test_the_cookie_is_secure_over_https(base: str, proto: str | None, secure: bool) -> None:
    """A cookie that was set over TLS, here or at the proxy, never travels in the clear."""
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    client = browser(build(), base_url=base)
    answer = client.post("/login", data={"password": PASSWORD}, headers=headers)

    assert ("secure" in answer.headers["set-cookie"].lower()) is secure


def test_a_wrong_password_shows_the_form_again() -> None:
    """A wrong try is 401 with a message, keeps the wished page and sets no cookie."""
    answer = browser(build()).post("/login", data={**WRONG, "next": '/x?a="><b>'})

    assert answer.status_code == 401
    assert "not the password" in answer.text
    assert 'value="/x?a=&quot;&gt;&lt;b&gt;"' in answer.text
    assert "set-cookie" not in answer.headers


BAD_NEXT = ["//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/x\\y",
            "https://evil.example", "HTTPS:evil.example", "javascript:alert(1)", "evil.example", "",
            "data:text/html,x", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
            "/\r\nA: b", " //evil.example", "/\x00", "/\x7f", "/\x85x", "/\u2028x", "http:///evil.example",
            "@evil.example", ".evil.example", "?x", "/" + "x" * 5000]  # fmt: skip


@pytest.mark.parametrize("target", BAD_NEXT)
def test_next_never_leaves_this_server(target: str) -> None:
    """Anything but a plain path of this server leads to the start page instead."""
    sent = quote(target)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"password={quote(PASSWORD)}&next={sent}"
    posted = browser(build()).post("/login", content=body, headers=form)
    shown = browser(build()).get(f"/login?next={sent}")

    assert safe_next(target) == "/"
    assert posted.headers["location"] == "/"
    assert 'name="next" value="/"' in shown.text


@pytest.mark.parametrize("target", ["/", "/chat", "/a?b=c&d=/e#f", "/a%20b", "/RTX 3060", "/grün"])
def test_next_keeps_paths(target: str) -> None:
    """A path of this server stays as it is, with query and fragment."""
    assert safe_next(target) == target


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_form_is_refused(chunked: bool) -> None:
    """A body over 10 kB is 413, whether or not it says its length, and no wrong try."""
    body = b"password=" + b"x" * 20_000
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    client = browser(build())
    content: Any = iter([body[:9000], body[9000:]]) if chunked else body

    assert client.post("/login", content=content, headers=form).status_code == 413
    assert client.post("/login", data={"password": "x" * 9_900}).status_code == 401


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b'{"password":"x"}'), ("", b"x"), ("multipart/form-data", b"x"),
     ("multipart/form-data; boundary=a", b"--b\r\n"), ("text/plain", b"password=x"),
     ("multipart/form-data; boundary=a; charset=undefined",
      b'--a\r\nContent-Disposition: form-data; name="password"\r\n\r\nx\r\n--a--\r\n'),
     ("multipart/form-data; boundary=a",
      b'--a\r\nContent-Disposition: form-data; name="password";filename=x\r\n\r\nx\r\n--a--\r\n')],
)  # fmt: skip
def test_an_unreadable_form_is_no_try(kind: str, body: bytes) -> None:
    """A body that is not the form says so, and does not count as a wrong password."""
    client = browser(build())
    answers = [
        client.post("/login", content=body, headers={"Content-Type": kind}) for _ in "1234567"
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert "The form" in answers[0].text


def test_a_form_cut_off_is_no_crash() -> None:
    """A client that hangs up in the middle of the form costs neither a traceback nor a try."""
    assert call(build(), "/login", method="POST")[0] == 422


def test_a_surrogate_in_the_password_is_just_wrong() -> None:
    """A form in an odd charset cannot crash the comparison."""
    part = b'--a\r\nContent-Disposition: form-data; name="%s"\r\n\r\n/\\ud800\r\n'
    body = part % b"password" + part % b"next" + b"--a--\r\n"
    kind = "multipart/form-data; boundary=a; charset=unicode_escape"
    answer = browser(build()).post("/login", content=body, headers={"Content-Type": kind})

    assert answer.status_code == 401
    assert 'name="next" value="/"' in answer.text


# The link that is good once


def with_token(folder: Path) -> Keyring:
    path = folder / "login-token"
    path.write_text("one-time\n")
    return Keyring(PASSWORD, path)


def test_the_link_logs_in_once(tmp_path: Path) -> None:
    """The printed link sets a cookie and leads to the start; after that it says it was used."""
    app = build(with_token(tmp_path))
    client = browser(app)
    first = client.get("/login?token=one-time&next=//evil.example")
    second = browser(app).get("/login?token=one-time")

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert first.headers["referrer-policy"] == "no-referrer"
    assert client.get("/api/models").text == "inside"
    assert second.status_code == 401
    assert "has been used or is wrong" in second.text
    assert "set-cookie" not in second.headers


def test_the_link_outlives_a_restart_until_it_is_used(tmp_path: Path) -> None:
    """A new process with the same file takes the link, and a used one stays used."""
    before = with_token(tmp_path)
    after = Keyring(PASSWORD, tmp_path / "login-token")

    assert not before.redeem("wrong")
    assert after.redeem("one-time")
    assert not before.redeem("one-time")
    assert not Keyring(PASSWORD, tmp_path / "login-token").redeem("one-time")


def test_two_processes_cannot_both_use_the_link(tmp_path: Path) -> None:
    """Of many that redeem the same token at the same moment exactly one gets in."""
    keyrings = itertools.cycle([with_token(tmp_path), with_token(tmp_path)])
    winners = []
    for _ in range(20):
        (tmp_path / "login-token").write_text("one-time")
        winners.append(sum(in_threads(lambda: next(keyrings).redeem("one-time"))))

    assert winners == [1] * 20


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
@pytest.mark.parametrize("token", ["", "x", "é", "\ufffd"])
def test_without_a_kept_token_no_link_works(
    tmp_path: Path, content: bytes | None, token: str
) -> None:
    """A missing, empty or broken token file opens nothing, and no file at all neither."""
    path = tmp_path / "login-token"
    if content is not None:
        path.write_bytes(content)

    assert not Keyring(PASSWORD, path).redeem(token)
    assert not Keyring(PASSWORD, tmp_path).redeem(token)
    assert browser(build()).get("/login", params={"token": token}).status_code == 401


def test_a_throttled_address_does_not_use_the_link_up(tmp_path: Path) -> None:
    """A link opened while the address must wait is 429 and still good afterwards."""
    keyring, clock = with_token(tmp_path), Clock()
    client = browser(build(keyring, Throttle(clock)))
    for _ in range(6):
        client.post("/login", data=WRONG)
    early = client.get("/login?token=one-time")
    clock.seconds += 60

    assert early.status_code == 429
    assert client.get("/login?token=one-time").status_code == 303


def test_looking_at_the_link_does_not_use_it_up(tmp_path: Path) -> None:
    """HEAD, as link checkers send it, answers 200 and leaves the link good."""
    client = browser(build(with_token(tmp_path)))

    assert client.head("/login?token=one-time").status_code == 200
    assert client.get("/login?token=one-time").status_code == 303
