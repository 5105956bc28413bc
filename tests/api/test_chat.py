"""/api/chat and /api/models as a program sees them: shapes, streams, hang-ups, money."""

import threading
import time
from decimal import Decimal

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lib.core.chat import Text, Thought
from lib.core.errors import BadReply
from lib.providers.line import Line
from lib.web import attach
from lib.work.generation import Generation, Pieces
from tests.api.conftest import Api, api_with, events_of, serving, settings_for
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, wait_until


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


@EVERYONE
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


@EVERYONE
def test_a_stream_is_texts_then_one_done(api: Api, model: str) -> None:
    """Server-sent events carry the same answer piece by piece, then what it took."""
    *texts, done = events_of(api, {"message": "one two three #pace=0.05", "model": model})

    assert [event["text"] for event in texts] == ["one", " two", " three"]
    assert done["done"] is True
    assert (done["model"], done["finish"]) == (model, "stop")
    assert done["usage"]["output_tokens"] == 3
    assert done["timings"]["ttft_ms"] <= done["timings"]["total_ms"]


def test_a_silent_model_is_bridged(api: Api, monkeypatch) -> None:
    """No proxy hangs up while a model says nothing: comments come, which a reader skips."""
    monkeypatch.setattr(attach, "SILENCE_S", 0.1)
    body = {"message": "one two #pace=0.5", "model": "ollama/gemma3:4b", "stream": True}
    with api.stream("POST", "/chat", json=body) as answer:
        events = answer.read().decode().split("\n\n")
    comments = [event for event in events if event.startswith(":")]
    *texts, done = [event for event in events if event.startswith("data: ")]

    assert set(comments) == {": "}
    assert len(events) == len(comments) + len(texts) + 2
    assert ["one" in texts[0], "two" in texts[1], '"done": true' in done] == [True] * 3


def test_thoughts_that_are_not_told_are_silence_too(monkeypatch) -> None:
    """Between its words a model may think piece by piece, of which our stream says nothing."""

    def thinking(line: Line) -> Pieces:
        yield Text("one")
        for _ in range(10):
            time.sleep(0.05)
            yield Thought("hm")
        raise BadReply("It broke off.")

    async def answer(request: Request) -> Response:
        return await attach.Attached(Generation(thinking, wait_s=5), request).streamed()

    monkeypatch.setattr(attach, "SILENCE_S", 0.15)
    with serving(Starlette(routes=[Route("/", answer)])) as url:
        said, *comments, error, end = httpx2.get(url).text.split("\n\n")

    assert (said, "bad_reply" in error, end) == ('data: {"text": "one"}', True, "")
    assert set(comments) == {": "}


def test_a_talking_model_needs_no_bridge(api: Api) -> None:
    """In a quarter of a minute of silence a comment comes, never between words."""
    with api.stream("POST", "/chat", json={"message": "a b #pace=0.2", "stream": True}) as answer:
        assert "\n:" not in answer.read().decode()


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


def test_thinking_up_to_the_limit_is_an_answer_and_is_priced(api: Api) -> None:
    """The length reached with no text is 200, and the thinking tokens cost."""
    answer = api.post("/chat", json={"message": "x y #fault=length_empty #think=8"}).json()

    assert (answer["response"], answer["finish"]) == ("", "length")
    assert answer["usage"]["thinking_tokens"] == 8
    assert answer["cost_usd"] > 0


def test_bare_names_work_where_they_are_clear(api: Api) -> None:
    """`gemma3:4b` needs no provider in front of it."""
    assert api.post("/chat", json={"message": "x", "model": "gemma3:4b"}).json()["model"] == (
        "ollama/gemma3:4b"
    )


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
    assert wait_until(lambda: api.app.ledger.rows()[-1]["finish"] == "stopped")


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
