"""/api/chat and /api/models as a program sees them: shapes, statuses, streams, hang-ups."""

import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Api, api_with, settings_for
from tests.fakes import FakeServer

EVERY_MODEL = pytest.mark.parametrize(
    "model",
    ["gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b", "vllm/Qwen/Qwen2.5-VL-3B-Instruct"],
)


def events_of(api: Api, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with api.stream("POST", "/chat", json={**body, "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


def test_models_lists_all_with_prices_and_a_default(api: Api) -> None:
    """Every model says what it reads; API models their price with source and date."""
    answer = api.get("/models").json()
    by_id = {model["id"]: model for model in answer["models"]}

    flash = by_id["gemini/gemini-3.1-flash-lite"]
    assert answer["default"] == "gemini/gemini-3.1-flash-lite"
    assert flash["price"] == {
        "input_usd_per_mtok": 0.25,
        "output_usd_per_mtok": 1.5,
        "source": "https://ai.google.dev/gemini-api/docs/pricing",
        "checked": "2026-11-22",
    }
    assert flash["context_tokens"] == 1_048_576
    assert by_id["ollama/gemma3:4b"]["input"] == ["text", "image"]
    assert by_id["ollama/llama3.2:3b"]["input"] == ["text"]
    assert "price" not in by_id["ollama/llama3.2:3b"]
    assert by_id["embedded/smollm2-135m"]["available"] is False
    assert "EMBEDDED_MODEL" in by_id["embedded/smollm2-135m"]["reason"]


@EVERY_MODEL
def test_a_plain_answer_has_every_field(api: Api, model: str) -> None:
    """Text, model, ending, counts, cost and times come back in one object."""
    answer = api.post("/chat", json={"message": "one two three", "model": model}).json()

    assert answer["response"] == "one two three"
    assert (answer["model"], answer["finish"]) == (model, "stop")
    assert answer["usage"]["input_tokens"] == 3
    assert answer["usage"]["total_tokens"] == 6
    assert set(answer["timings"]) == {"ttft_ms", "total_ms", "tokens_per_second"}
    cost = 3 * 0.25e-6 + 3 * 1.5e-6 if model.startswith("gemini") else None
    assert answer["cost_usd"] == (pytest.approx(cost) if cost else None)


@EVERY_MODEL
def test_a_stream_is_texts_then_one_done(api: Api, model: str) -> None:
    """Server-sent events carry the same answer piece by piece, then what it took."""
    *texts, done = events_of(api, {"message": "one two three #pace=0.05", "model": model})

    assert [event["text"] for event in texts] == ["one", " two", " three"]
    assert done["done"] is True
    assert (done["model"], done["finish"]) == (model, "stop")
    assert done["usage"]["output_tokens"] == 3
    assert done["timings"]["ttft_ms"] <= done["timings"]["total_ms"]


def test_a_conversation_goes_along(api: Api, fake: FakeServer) -> None:
    """`messages` replaces `message`; system messages join the system prompt."""
    body = {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "second"},
            {"role": "user", "content": "third"},
        ],
        "system_prompt": "be kind",
        "temperature": 0.5,
        "max_tokens": 9,
        "model": "ollama/gemma3:4b",
    }
    answer = api.post("/chat", json=body).json()

    sent = fake.asked[-1].body
    assert answer["response"] == "third"
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "user"]
    assert sent["messages"][0]["content"] == "be kind\n\nbe brief"
    assert (sent["options"]["temperature"], sent["options"]["num_predict"]) == (0.5, 9)


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


def test_thinking_up_to_the_limit_is_an_answer_and_is_priced(api: Api) -> None:
    """The length reached with no text is 200, and the thinking tokens cost."""
    answer = api.post("/chat", json={"message": "x y #fault=length_empty #think=8"}).json()

    assert (answer["response"], answer["finish"]) == ("", "length")
    assert answer["usage"]["thinking_tokens"] == 8
    assert answer["cost_usd"] > 0


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


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("nope", 404, "model_missing"),
        ("gemini/gemini-9", 404, "model_missing"),
        ("ollama/nope:1b", 404, "model_missing"),
        ("vllm/nope", 404, "model_missing"),
        ("embedded/smollm2-135m", 503, "not_configured"),
    ],
)
def test_models_that_cannot_answer(api: Api, model: str, status: int, code: str) -> None:
    """A model that is not there is told from a provider that is not set up."""
    answer = api.post("/chat", json={"message": "x", "model": model})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_bare_names_work_where_they_are_clear(api: Api) -> None:
    """`gemma3:4b` needs no provider in front of it."""
    assert api.post("/chat", json={"message": "x", "model": "gemma3:4b"}).json()["model"] == (
        "ollama/gemma3:4b"
    )


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


@pytest.mark.parametrize("streamed", [False, True])
def test_hanging_up_on_us_hangs_up_on_the_provider(
    api: Api, fake: FakeServer, streamed: bool
) -> None:
    """A caller that leaves, also before the first token, costs no further tokens."""
    body = {"message": "x #slow=20", "model": "ollama/gemma3:4b", "stream": streamed}
    with pytest.raises(Exception, match="timed out"):
        api.post("/chat", json=body, timeout=0.7)
    assert fake.wait_idle(timeout_s=3)

    assert fake.asked[-1].hung_up
    assert wait_for(lambda: api.app.ledger.rows()[-1]["finish"] == "stopped")


def test_leaving_in_mid_stream_hangs_up(api: Api, fake: FakeServer) -> None:
    """Closing the stream after some words stops the model."""
    body = {"message": "#tokens=500 #pace=0.05", "model": "vllm/Qwen/Qwen3-4B"}
    events = events_of(api, body)
    next(events)
    events.close()
    assert fake.wait_idle(timeout_s=3)

    assert fake.asked[-1].hung_up


def test_every_call_has_one_ledger_row(api: Api) -> None:
    """Finished, failed and refused calls all stand in the ledger, with their counts."""
    before = len(api.app.ledger.rows())
    api.post("/chat", json={"message": "one two"})
    api.post("/chat", json={"message": "one #fault=unavailable"})
    api.post("/chat", json={"message": "one #fault=safety"})
    rows = api.app.ledger.rows()[before:]

    assert [(row["finish"], row["error"]) for row in rows] == [
        ("stop", None),
        ("error", "unreachable"),
        ("refused", None),
    ]
    assert {row["source"] for row in rows} == {"api"}
    assert rows[0]["cost_usd"] == 2 * Decimal("0.25e-6") + 2 * Decimal("1.5e-6")


def test_the_budget_refuses_before_anything_is_sent(fake: FakeServer, tmp_path) -> None:
    """A call that could exceed the month's budget is 402 and never leaves."""
    settings = settings_for(fake, tmp_path, monthly_budget_usd="0.001")
    with api_with(settings) as api:
        asked = len(fake.asked)
        refused = api.post("/chat", json={"message": "x", "max_tokens": 2000})
        allowed = api.post("/chat", json={"message": "x", "max_tokens": 100})
        local = api.post("/chat", json={"message": "x", "model": "ollama/gemma3:4b"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "over_budget")
    assert (allowed.status_code, local.status_code) == (200, 200)
    assert len(fake.asked) == asked + 2


@pytest.mark.parametrize("sdk", ["google-genai", "google-generativeai"])
@pytest.mark.parametrize("grpc", [True, False], ids=["grpc", "rest"])
def test_both_sdks_give_the_same_answer(fake: FakeServer, tmp_path, sdk: str, grpc: bool) -> None:
    """Text, usage and cost do not depend on the SDK that carries them."""
    target = fake.grpc_target if grpc else None
    settings = settings_for(fake, tmp_path, gemini_sdk=sdk, gemini_grpc_target=target)
    with api_with(settings) as api:
        body = {"message": "same words every time #think=4 #cached=2"}
        answer = api.post("/chat", json=body).json()
        *_, done = events_of(api, body)

    usage = {
        "input_tokens": 6, "output_tokens": 8, "thinking_tokens": 4, "cached_tokens": 2,
        "total_tokens": 14,
    }  # fmt: skip
    assert answer["response"] == "same words every time"
    assert answer["usage"] == done["usage"] == usage
    cost = 4 * 0.25e-6 + 2 * 0.025e-6 + 8 * 1.5e-6
    assert answer["cost_usd"] == done["cost_usd"] == pytest.approx(cost)


def test_slow_answers_do_not_hold_up_others(api: Api) -> None:
    """Forty waiting calls leave the API answering at once."""
    body = {"message": "x #slow=2", "model": "ollama/gemma3:4b"}
    waiting = [
        threading.Thread(target=lambda: api.post("/chat", json=body), daemon=True)
        for _ in range(40)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    started = time.perf_counter()
    answer = api.get("/models")
    took = time.perf_counter() - started
    for thread in waiting:
        thread.join()

    assert answer.status_code == 200
    assert took < 1


def wait_for(met, timeout_s: float = 3) -> bool:
    """Whether the condition is met in time."""
    until = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
