"""What HTTP asks of every path of the API, and what odd requests get: never a 500, never a page."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from lib.web.estimate_api import EXAMPLE
from tests.api.conftest import Api, api_with, settings_for
from tests.api.jobs import refusal
from tests.fakes import FakeServer

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/models", "GET, HEAD, OPTIONS"),
        ("/chat", "POST, OPTIONS"),
        ("/jobs", "GET, HEAD, POST, OPTIONS"),
        ("/jobs/0123", "GET, HEAD, DELETE, OPTIONS"),
        ("/v1/models", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/swagger/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(api: Api, path: str, methods: str) -> None:
    """405 and OPTIONS carry Allow, with every method of the path."""
    wrong, asked = api.patch(path), api.options(path)

    assert (wrong.status_code, wrong.headers["allow"]) == (405, methods)
    assert wrong.json()["error"]["code"] == "bad_input"
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, methods, b"")


def test_head_is_get_without_the_body(api: Api) -> None:
    """The same status and headers, and nothing behind them; what is only posted to has no HEAD."""
    whole, head = api.get("/claims"), api.head("/claims")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert (api.head("/chat").status_code, api.head("/nope").status_code) == (405, 404)


@pytest.mark.parametrize(
    "path",
    ["/models/", "/nope", "/jobs/x/results/", "//models", "/jobs/%00", "/jobs/%0A", "/%0A",
     "/jobs/%ED%A0%80", "/jobs/%2e%2e", "/jobs/%F0%9F%98%80", "/models%0Ax", "/v1/nope"],
)  # fmt: skip
def test_an_odd_path_is_not_found(api: Api, path: str) -> None:
    """Slashes at the end, control characters, halves of characters: 404 in the shape of errors."""
    url = httpx2.URL(str(api.base_url)).copy_with(raw_path=b"/api" + path.encode())
    answer = api.get(url)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["odd=1", "format=csv%00", "%00=1", "a=%ED%A0%80&a=2", "="])
def test_an_unknown_query_is_ignored(api: Api, query: str) -> None:
    """A proxy or a browser may add what it likes."""
    assert api.get(f"/models?{query}").status_code == 200


JSON_CALLS = [("/chat", {"message": "x"}), ("/estimate", EXAMPLE)]
JSON_CALLS.append(("/classify", {"texts": ["x"], "labels": ["A", "B"]}))


@pytest.mark.parametrize(("path", "body"), JSON_CALLS)
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=latin-1", 200),  # JSON is UTF-8, whatever is said
        ("application/vnd.api+json", 200),
        (None, 200),
        ("text/plain", 422),
        ("application/x-www-form-urlencoded", 422),
        ("multipart/form-data", 422),
        ("nonsense", 422),
    ],
)
def test_json_calls_take_json(
    api: Api, path: str, body: object, kind: str | None, status: int
) -> None:
    """A body that is said to be something else is refused with the header that is wanted."""
    headers = {} if kind is None else {"content-type": kind}
    answer = api.post(path, content=json.dumps(body).encode(), headers=headers)

    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["error"]["hint"] == "Send the header Content-Type: application/json."


@pytest.mark.parametrize("kind", [None, "Application/JSON", "text/json", "nonsense"])
def test_json_is_bounded_closer_than_files(
    fake: FakeServer, tmp_path: Path, kind: str | None
) -> None:
    """Whatever may be read as JSON is at most 20 MB, however its type is spelt or left out."""
    with api_with(settings_for(fake, tmp_path), most_bytes=50_000_000) as api:
        headers = {} if kind is None else {"content-type": kind}
        answer = api.post("/chat", content=b" " * 21_000_000, headers=headers)

    assert refusal(answer) == (413, "too_large")


@pytest.mark.parametrize("path", ["/vision?prompt=x", "/jobs"])
def test_form_calls_take_forms(api: Api, path: str) -> None:
    """JSON sent to a form's call is not taken for an empty form."""
    answer = api.post(path, json={"file": "x", "prompt": "x"})

    assert refusal(answer) == (422, "bad_input")
    assert "multipart" in answer.json()["error"]["hint"]


@pytest.mark.parametrize(("path", "body"), [*JSON_CALLS, ("/v1/chat/completions", None)])
@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"null", b"[]", b'"x"', b"{", b"\xff\xfe{", b"1" * 5000]
)
def test_a_body_that_is_no_request_is_refused(
    api: Api, path: str, body: object, raw: bytes
) -> None:
    """Empty, half, of another kind, not even UTF-8: 422."""
    answer = api.post(path, content=raw, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


def test_of_a_key_given_twice_the_last_counts(api: Api) -> None:
    """As in Python, JavaScript and most proxies, so that both ends read the same."""
    raw = b'{"message": "one", "message": "two"}'
    answer = api.post("/chat", content=raw, headers={"content-type": "application/json"})

    assert answer.json()["response"] == "two"


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x",
     "multipart/form-data; charset=nonsense; boundary=x", "application/x-www-form-urlencoded"],
)  # fmt: skip
@pytest.mark.parametrize("raw", [b"--x", b"--x\r\n\r\n--x--", b"a=%ED%A0%80&b=\xff", b"\x00"])
def test_a_broken_form_is_refused(api: Api, kind: str, raw: bytes) -> None:
    """Missing boundaries, parts without a name, bytes that are no text: 422."""
    for path in ("/vision", "/jobs"):
        answer = api.post(path, content=raw, headers={"content-type": kind})

        assert refusal(answer) == (422, "bad_input")


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "1000001", "9" * 5000, "²", "many"])
def test_the_limit_of_a_form_is_bounded_like_that_of_json(api: Api, given: str) -> None:
    """max_tokens is 1 to a million, in the query, too, when the form has a right one."""
    answer = api.post("/vision", params={"max_tokens": given}, data={"max_tokens": "5"})

    assert refusal(answer) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith("max_tokens")


@pytest.mark.parametrize(("given", "status"), [("5.0", 200), ("1.5", 422), ('"5"', 422)])
def test_a_whole_number_may_have_a_point(api: Api, given: str, status: int) -> None:
    """JSON has one kind of numbers: 5.0 is 5, and a text is none."""
    answers = [
        api.post(path, content=body.replace("N", given))
        for path, body in [
            ("/chat", '{"message": "x", "max_tokens": N}'),
            ("/v1/chat/completions", '{"messages": [{"role":"user","content":"x"}], "seed": N}'),
            ("/classify", '{"texts": [], "labels": ["A", "B"], "rows_per_request": N}'),
        ]
    ]

    assert [answer.status_code for answer in answers] == [status] * 3


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", None])
@pytest.mark.parametrize("path", ["/estimate", "/jobs/nope/resume", "/nope"])
def test_what_is_never_long_is_bounded_closest(api: Api, path: str, kind: str | None) -> None:
    """1 MB, whatever the body is said to be."""
    headers = {} if kind is None else {"content-type": kind}
    answer = api.post(path, content=b" " * 1_100_000, headers=headers)

    assert refusal(answer) == (413, "too_large")
    assert "1 MB" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/chat", "/classify", "/v1/chat/completions"])
@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1' + b"".join(b',"%x":1' % n for n in range(300_000)) + b"}",
        b'{"texts":[' + b"{}," * 1_000_000 + b"{}]}",
        b'{"texts":[' + b"[0]," * 100_000 + b"0]}",
    ],
    ids=["keys", "objects", "lists"],
)
def test_more_values_than_anybody_needs_are_refused(api: Api, path: str, raw: bytes) -> None:
    """Decoding a million of them would hold up everybody; texts and pictures are few."""
    answer = api.post(path, content=raw, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert "100,000 values" in answer.json()["error"]["message"]


def test_others_are_answered_while_a_large_body_is_decoded(
    fake: FakeServer, tmp_path: Path
) -> None:
    """No call waits for another one's JSON."""
    raw = b'{"a":1' + b"".join(b',"%x":1' % n for n in range(1_500_000)) + b"}"
    longest_s = 0.0
    with api_with(settings_for(fake, tmp_path), 50_000_000) as api, ThreadPoolExecutor(1) as one:
        large = one.submit(api.post, "/chat", content=raw, headers=JSON)
        while not large.done():
            since = time.monotonic()
            assert api.get("/nope").status_code == 404
            longest_s = max(longest_s, time.monotonic() - since)

    assert large.result().status_code == 413
    assert longest_s < 0.4


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_large_body_is_read_as_a_small_one(api: Api, path: str) -> None:
    """Escapes, numbers and keys given twice mean the same on either way; a break is told too."""
    said = {"messages": [{"role": "user", "content": 'é \\ "x" ' + "a" * 300_000}]}
    body = json.dumps({**said, "max_tokens": 5.0, "temperature": 0.5})
    body = '{"messages": [], ' + body[1:]
    sent = api.post(path, content=body, headers=JSON)
    broken = api.post(path, content=body[:-1], headers=JSON)

    assert sent.status_code == 200, sent.text
    assert (broken.status_code, broken.json()["error"]["code"]) == (422, "bad_input")
