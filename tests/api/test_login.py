"""The login form: what it shows, takes and refuses, and where it leads."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from lib.web.login import safe_next
from tests.api.doors import PASSWORD, WRONG, browser, build, call


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
    assert answer.headers["referrer-policy"] == "same-origin"


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


def test_the_form_may_come_as_multipart() -> None:
    """Both form encodings work, from our own page, whose policy lets browsers name its origin."""
    fields = {"password": (None, PASSWORD), "next": (None, "/x")}
    answer = browser(build()).post("/login", files=fields, headers={"Origin": "http://testserver"})

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
