"""Requests as no client sends them: hidden in each other, split by line ends, spelt oddly.

The promise: each request on a connection is judged by itself, what is ambiguous is refused and ends
the connection, and nothing a stranger sends becomes a header, a redirect or a place to go.
"""

from urllib.parse import quote, urljoin, urlsplit

import httpx2
import pytest

from lib.web.gate import Keyring
from tests.attacks.sockets import fields_of, get, head, knock, speak, statuses
from tests.browser.conftest import PASSWORD, Site

KEYRING = Keyring(PASSWORD)
LOGIN = f"Cookie: {KEYRING.cookie_name}={KEYRING.issue_cookie()}"
MODELS = "GET /api/models HTTP/1.1"  # what the hidden request wants
HIDDEN = head(MODELS)
JSON = "Content-Type: application/json"


def post(*fields: str, body: bytes = b"") -> bytes:
    """A request with a login, which goes on: what follows it is another request."""
    lines = ["POST /api/chat HTTP/1.1", "Host: 127.0.0.1", LOGIN, JSON, *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def lengths(*values: str) -> list[str]:
    return [f"Content-Length: {value}" for value in values]


CHUNKED = "Transfer-Encoding: chunked"
# All with a good login: that it is missing is not why they are refused.
REFUSED = {
    "two lengths": post(*lengths("2", "3"), body=b"{}"),
    "a list of lengths": post(*lengths("2, 3"), body=b"{}"),
    "a signed length": post(*lengths("+2"), body=b"{}"),
    "a negative length": post(*lengths("-2"), body=b"{}"),
    "a hex length": post(*lengths("0x2"), body=b"{}"),
    "a length with a blank": post(*lengths("2 2"), body=b"{}"),
    "an empty length": post(*lengths(""), body=b"{}"),
    "an endless length": post(*lengths("9" * 40), body=b"{}"),
    "a length in other digits": post(*lengths("\xb2"), body=b"{}"),
    "another encoding": post("Transfer-Encoding: gzip", body=b"0\r\n\r\n"),
    "two encodings": post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "an encoding twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "an encoding misspelt": post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "an encoding in quotes": post('Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "an encoding before its colon": post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "an encoding behind a vertical tab": post("Transfer-Encoding: \vchunked", body=b"0\r\n\r\n"),
    "a negative chunk": post(CHUNKED, body=b"-1\r\n{}\r\n0\r\n\r\n"),
    "a signed chunk": post(CHUNKED, body=b"+2\r\n{}\r\n0\r\n\r\n"),
    "a chunk of nothing": post(CHUNKED, body=b"\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than said": post(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size without end": post(CHUNKED, body=b"0" * 100_000),
    "a NUL in a field": post("X: a\0b", "Content-Length: 0"),
    "a bare CR in a field": post("X: a\rContent-Length: 9", "Content-Length: 0"),
    "a blank in a name": post("X Y: a", "Content-Length: 0"),
    "no name": post(": a", "Content-Length: 0"),
    "no colon": post("a", "Content-Length: 0"),
    "a name in other letters": post("X\xe9: a", "Content-Length: 0"),
    "a field before all": b"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
    "no host": b"GET /api/models HTTP/1.1\r\n" + LOGIN.encode() + b"\r\n\r\n",
    "two hosts": post("Host: evil.example", "Content-Length: 0"),
    "no version": b"GET /api/models\r\n\r\n",
    "two blanks": head("GET  /api/models HTTP/1.1", LOGIN),
    "a tab": head("GET\t/api/models\tHTTP/1.1", LOGIN),
    "a NUL in the target": head("GET /api/models\0 HTTP/1.1", LOGIN),
    "a blank in the target": head("GET /api/ models HTTP/1.1", LOGIN),
    "a line end in the target": head("GET /api/models\r\n\r\n HTTP/1.1", LOGIN),
    "a method in brackets": head("[GET] /api/models HTTP/1.1", LOGIN),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another language": b"EHLO evil.example\r\nMAIL FROM: a\r\n\r\n",
    "too many fields": head(MODELS, LOGIN, *(f"X{n}: y" for n in range(20_000))),
    "a field too long": head(MODELS, LOGIN, "X: " + "y" * 1_000_000),
    "a target too long": head(f"GET /{'a' * 1_000_000} HTTP/1.1", LOGIN),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_malformed_is_refused_and_ends_the_connection(site: Site, case: str) -> None:
    """A 4xx, whatever the login; the request hidden behind it is never read."""
    answer = speak(site, REFUSED[case] + HIDDEN)

    assert all(400 <= status < 500 for status in statuses(answer))
    assert len(statuses(answer)) <= 1 or statuses(answer)[1:] == [400]
    assert b'"models"' not in answer


# Read one way they are one request, read the other way two: whoever stands in front may have read
# it the other way and takes the second answer for somebody else's.
EMPTY = b"0\r\n\r\n"
AMBIGUOUS = [
    pytest.param(post(*lengths("5"), CHUNKED, body=EMPTY), id="both"),
    pytest.param(post(CHUNKED, *lengths("5"), body=EMPTY), id="swapped"),
    pytest.param(post(CHUNKED, body=EMPTY).replace(b"/1.1", b"/1.0"), id="HTTP/1.0"),
]


@pytest.mark.parametrize("data", AMBIGUOUS)
def test_after_an_ambiguous_length_nothing_else_is_read(site: Site, data: bytes) -> None:
    """RFC 9112, 6.1: such a connection is closed, however the request itself is answered."""
    assert len(statuses(speak(site, data + HIDDEN))) <= 1


def test_each_request_of_a_connection_is_judged_by_itself(site: Site) -> None:
    """A login counts for its own request, not for the next one of the connection."""
    first = head(MODELS, LOGIN).replace(b"Connection: close", b"Connection: keep-alive")

    assert statuses(speak(site, first + HIDDEN)) == [200, 401]
    assert statuses(speak(site, head("GET /healthz HTTP/1.1")[:-21] + b"\r\n" + HIDDEN)) == [
        200,
        401,
    ]


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "X: a"])
def test_a_stranger_cannot_hide_a_request_in_a_body(site: Site, expect: str) -> None:
    """What was announced as a body is no request, also when nobody reads the body."""
    body = head(MODELS, LOGIN)
    first = head("POST /api/chat HTTP/1.1", expect, f"Content-Length: {len(body)}")

    assert [s for s in statuses(speak(site, first + body)) if s != 100] == [401]


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1/api/models", "http://evil.example/api/models", "https:/api/models",
     "//127.0.0.1/api/models", "/login/../api/models", "/login/%2e%2e/api/models", "*",
     "/api//models", "/healthz/..;/api/models", "/login%2f..%2fapi/models", "/%61pi/models",
     "/api/models?x=/login",
     "/login;/api/models", "/api/models#/login", "/healthz%23/../api/models",
     "/login\\..\\api\\models",
     "/API/models", "/api/models/", "/.//api/models", "api/models", "?/login", "/api/%6dodels"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "LOGIN"])
def test_no_spelling_of_a_target_goes_past_the_gate(site: Site, method: str, target: str) -> None:
    """Absolute, dotted, doubled, encoded: a stranger gets no further than with the plain one."""
    assert set(statuses(get(site, target, method=method))) <= {400, 401, 403, 405, 421}


@pytest.mark.parametrize(
    "field",
    ["X-HTTP-Method-Override: GET", "X-Original-URL: /login", "X-Rewrite-URL: /healthz",
     "X-Forwarded-Prefix: /login", "X-Forwarded-Host: 127.0.0.1", "X-Forwarded-For: 127.0.0.1",
     "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Forwarded-User: admin", "X-User: admin",
     "Remote-User: admin", "X-Forwarded-Uri: /login", "X-Accel-Redirect: /api/models",
     "Authorization: Basic b3BlbiBzZXNhbWU6", "Proxy-Authorization: Bearer open sesame",
     f"X-Api-Key: {PASSWORD}", f"X-Authorization: Bearer {PASSWORD}", "Upgrade: h2c"],
)  # fmt: skip
def test_no_header_goes_past_the_gate(site: Site, field: str) -> None:
    """Headers that proxies and frameworks believe mean nothing here."""
    assert statuses(get(site, "/api/models", field)) == [401]


INJECTED = [
    "/%0d%0aSet-Cookie:%20evil=1", "/%0aSet-Cookie:%20evil=1", "/%0d%0a%0d%0a<script>", "/%00",
    "/%E5%98%8D%E5%98%8ASet-Cookie:%20evil=1", "/%c4%8d%c4%8aSet-Cookie:%20evil=1", "/%23%0d%0aX:1",
    "/?%0d%0aSet-Cookie:%20evil=1", "/%5cr%5cn", "/%250d%250aSet-Cookie:%20evil=1", "/%u000d%u000a",
]  # fmt: skip


@pytest.mark.parametrize("path", INJECTED)
def test_no_line_end_becomes_a_header(site: Site, path: str) -> None:
    """In a path, in the way back from the login or in `next`: never a field of an answer."""
    form = f"password={quote(PASSWORD)}&next={path}".encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    answers = [
        get(site, path, "Accept: text/html"),
        get(site, f"/login?next={path}"),
        get(site, f"/login?token={path}", LOGIN),
        speak(site, head("POST /login HTTP/1.1", kind, f"Content-Length: {len(form)}") + form),
    ]
    for answer in answers:
        assert len(statuses(answer)) == 1
        assert not {"x", "evil"} & fields_of(answer).keys()
        assert "evil" not in fields_of(answer).get("set-cookie", "")


LEAVING = """
//evil.example /\\evil.example \\/evil.example ///evil.example ////evil.example
https://evil.example https:evil.example https:/evil.example http:evil.example /%09/evil.example
/%0a/evil.example /%0d/evil.example %09//evil.example %20//evil.example %00//evil.example
/%5cevil.example %2f%2fevil.example /%2fevil.example //evil.example@127.0.0.1
//127.0.0.1@evil.example javascript:alert(1) JaVaScRiPt:alert(1) %6aavascript:alert(1)
data:text/html,x vbscript:x //%65vil.example //evil%E3%80%82example /.evil.example//../
/;@evil.example //evil.example%2f%2e%2e .evil.example @evil.example :80@evil.example
?next=//evil.example //[::1]/ /%e2%80%8b/evil.example %ef%bb%bf//evil.example /%c2%85/evil.example
/%E2%80%A8/evil.example /\t/evil.example //evil.example:80 //1249760974
///127.0.0.1/../evil.example
""".split()  # noqa: SIM905


@pytest.mark.parametrize("target", LEAVING)
@pytest.mark.parametrize("by", ["query", "form"])
def test_the_login_leads_nowhere_else(site: Site, target: str, by: str) -> None:
    """However `next` is spelt, a browser that follows the answer stays on this server."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"password={quote(PASSWORD)}" + (f"&next={target}" if by == "form" else "")
    query = f"?next={quote(target, safe='%/:@')}" if by == "query" else ""
    answer = httpx2.post(f"{site.url}/login{query}", content=body, headers=kind)
    where = answer.headers["location"]

    assert answer.status_code == 303
    assert where.startswith("/")
    assert "\\" not in where
    assert where.isprintable()
    assert urlsplit(urljoin(site.url, where)).netloc == urlsplit(site.url).netloc


@pytest.mark.parametrize("path", ["/", "/login", "/api/models/", "/api/docs/", "/static", "/api/x"])
def test_a_strange_host_is_not_repeated(site: Site, path: str) -> None:
    """Nothing an answer says leads to the host a stranger claims this is."""
    for fields in (["X-Forwarded-Host: evil.example"], ["Forwarded: host=evil.example"]):
        lines = [f"GET {path} HTTP/1.1", "Host: evil.example", LOGIN, *fields]
        answer = speak(site, "\r\n".join([*lines, "Connection: close", "", ""]).encode())

        assert b"evil.example" not in answer


@pytest.mark.parametrize(
    "fields", [["X: " + "y" * 17_000], [f"X{n}: y" for n in range(200)]], ids=["long", "many"]
)
def test_a_handshake_nobody_can_read_is_hung_up_on(site: Site, fields: list[str]) -> None:
    """The websocket's parser is stricter than the one before it; what it refuses must end."""
    upgrade = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", *fields]
    handshake = head("GET /_stcore/stream HTTP/1.1", *upgrade).replace(b": close", b": Upgrade")
    with knock(site) as connection:
        connection.settimeout(2)
        connection.sendall(handshake)
        assert connection.recv(1000)[:12] in (b"", b"HTTP/1.1 400")
