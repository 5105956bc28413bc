"""What /api refuses and what breaks: the code, the status, and the field or the hint."""

import logging
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from lib.web.api import build_api
from lib.web.shell import Shell
from lib.work.jobs import JobDesk
from lib.work.speed_tests import SpeedDesk
from tests.api.conftest import NOT_ANSWERING, Api, events_of, serving


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("prompt", "status", "code"),
    [
        ("x #fault=rate_limited", 429, "rate_limited"),
        ("x #fault=quota", 429, "quota_exhausted"),
        ("x #fault=bad_key", 502, "auth_failed"),
        ("x #fault=missing", 404, "model_missing"),
        ("x #fault=bad_request", 422, "bad_input"),
        ("x #fault=unavailable", 502, "unreachable"),
        ("x #fault=gateway", 502, "unreachable"),
        ("x #fault=timeout504", 502, "unreachable"),
        ("x #fault=html500", 502, "bad_reply"),
        ("x #fault=no_candidates", 502, "bad_reply"),
        ("x #fault=hang", 504, "timed_out"),
    ],
)
def test_faults_before_the_first_word_have_their_status(
    api: Api, prompt: str, status: int, code: str, streamed: bool
) -> None:
    """Each provider fault is its contract code and status, streamed or not."""
    answer = api.post("/chat", json={"message": prompt, "stream": streamed})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert error["hint"]
    assert "SECRET" not in answer.text
    assert "127.0.0.1" not in answer.text
    if code == "rate_limited":
        assert error["retry_after_s"] == 37
        assert answer.headers["retry-after"] == "37"


def test_a_safety_stop_is_refused_or_told_at_the_end(api: Api) -> None:
    """Plain: 422 refused. Streamed: the last event says so."""
    plain = api.post("/chat", json={"message": "x #fault=safety"})
    *_, done = events_of(api, {"message": "x #fault=safety"})

    assert (plain.status_code, plain.json()["error"]["code"]) == (422, "refused")
    assert done["finish"] == "refused"


def test_an_answer_that_just_ends_is_incomplete(api: Api) -> None:
    """A clean end without the provider's mark is never called stop."""
    plain = api.post("/chat", json={"message": "one two three four #fault=cut"}).json()
    *_, done = events_of(api, {"message": "one two three four #fault=cut"})

    assert (plain["finish"], plain["response"]) == ("incomplete", "one two")
    assert done["finish"] == "incomplete"


@pytest.mark.parametrize("fault", ["reset", "mid_error", "broken_json"])
def test_a_break_in_mid_stream_is_the_last_event(api: Api, fault: str) -> None:
    """After the first words the status is gone, so the error comes as an event."""
    *texts, last = events_of(api, {"message": f"one two three four #pace=0.1 #fault={fault}"})

    assert "".join(event["text"] for event in texts) == "one two"
    assert set(last) == {"error"}
    assert last["error"]["code"] in ("unreachable", "bad_reply")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": 5}, "message"),
        ({"message": "x", "max_tokens": 0}, "max_tokens"),
        ({"message": "x", "max_tokens": "many"}, "max_tokens"),
        ({"message": "x", "max_tokens": True}, "max_tokens"),
        ({"message": "x", "temperature": 3}, "temperature"),
        ({"message": "x", "stream": "yes"}, "stream"),
        ({"message": "x", "temprature": 1}, "temprature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
    ],
)
def test_bad_input_names_the_field(api: Api, body: dict[str, Any], named: str) -> None:
    """A wrong body is 422 and says which field is wrong."""
    answer = api.post("/chat", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith(named)


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        b"",
        b"[1]",
        b"\xff\xfe",
        b'{"message":"x","temperature":NaN}',
        b'{"message":"x","temperature":1e400}',
        b'{"message":"\\ud800"}',
        b'{"message":"x","max_tokens":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
)
def test_nonsense_is_bad_input(api: Api, raw: bytes) -> None:
    """No body, however odd, makes the server fail."""
    answer = api.post("/chat", content=raw, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


@pytest.mark.parametrize(("model", "status", "code"), NOT_ANSWERING)
def test_models_that_cannot_answer(api: Api, model: str, status: int, code: str) -> None:
    """A model that is not there is told from a provider that is not set up."""
    answer = api.post("/chat", json={"message": "x", "model": model})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_body_over_the_limit_is_too_large(api: Api) -> None:
    """Declared or sent in chunks, a huge body is refused before it is read."""
    declared = api.post("/chat", json={"message": "x" * 6_000_000})
    chunked = api.post("/chat", content=iter([b"x" * 1_000_000] * 6))

    assert [a.status_code for a in (declared, chunked)] == [413, 413]
    assert declared.json()["error"]["code"] == "too_large"


def test_unknown_calls_and_methods(api: Api) -> None:
    """A typo never falls through to a page."""
    assert (api.get("/nope").status_code, api.get("/nope").json()["error"]["code"]) == (
        404,
        "not_found",
    )
    assert api.get("/chat").status_code == 405


def test_without_the_password_nothing_answers(api: Api) -> None:
    """Every call under /api is behind the gate, the documentation too."""
    for path in ("/models", "/docs", "/openapi.json", "/nope"):
        answer = api.get(path, headers={"Authorization": ""})

        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert api.get("/openapi.json").json()["paths"].keys() >= {"/models", "/chat", "/vision"}
    assert api.get("/docs").status_code == 200


def test_a_crash_is_told_in_the_shape_of_every_error(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours and OpenAI's; the log has one line for each, with the error's kind and not its text."""
    built = build_api(api.app, JobDesk(api.app), SpeedDesk(api.app))

    @built.get("/crash")
    @built.get("/v1/crash")
    async def crash() -> None:
        raise KeyError("a prompt")

    site = Starlette(
        routes=[Mount("/api", built)], middleware=[Middleware(Shell, most_bytes=10_000)]
    )
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    try:
        with serving(site) as url:
            ours, openais = (httpx2.get(f"{url}/api/{path}crash") for path in ("", "v1/"))
    finally:
        logging.getLogger("uvicorn.error").removeHandler(caplog.handler)

    assert (ours.status_code, ours.json()["error"]["code"]) == (500, "bad_reply")
    assert (openais.status_code, openais.json()["error"]["code"]) == (500, "bad_reply")
    assert "hint" in ours.json()["error"]
    assert "param" in openais.json()["error"]
    assert [one.getMessage() for one in caplog.records] == ["request failed: KeyError"] * 2
    assert not any(one.exc_info for one in caplog.records)
