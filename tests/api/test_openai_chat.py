"""/api/v1 with real clients: models, answers, streams, usage, hang-ups, the ledger."""

import time

import openai
import pytest

from tests.api.conftest import Api
from tests.api.openai_clients import (
    COMPLETIONS,
    HELLO,
    chunks_of,
    error_of,
    hugging_face_client,
    said,
)
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, GEMINI, OLLAMA, VLLM, wait_until


def test_models_are_those_that_can_be_asked(api: Api, client: openai.OpenAI) -> None:
    """The default one stands first; one that is off is not offered."""
    listed = list(client.models.list())
    raw = api.get("/v1/models").json()

    assert listed[0].id == GEMINI
    assert {OLLAMA, VLLM} <= {model.id for model in listed}
    assert "embedded/smollm2-135m" not in {model.id for model in listed}
    assert raw["object"] == "list"
    assert {(one["object"], one["owned_by"]) for one in raw["data"]} == {
        ("model", "gemini"), ("model", "ollama"), ("model", "vllm"),
    }  # fmt: skip
    assert all(abs(time.time() - one["created"]) < 3600 for one in raw["data"])


@pytest.mark.parametrize("name", [VLLM, "gemma3:4b"])
def test_one_model_is_found_by_its_name(client: openai.OpenAI, name: str) -> None:
    """An id keeps its slashes on the way; a bare name is answered with the full id."""
    assert client.models.retrieve(name).id in (VLLM, OLLAMA)


@pytest.mark.parametrize("name", ["nope", "ollama/nope:1b"])
def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI, name: str) -> None:
    """The client raises its own NotFoundError."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(name)

    assert caught.value.code == "model_missing"


@EVERYONE
def test_a_plain_answer_has_openais_fields(client: openai.OpenAI, model: str) -> None:
    """Words, reason and counts stand where the client looks for them; our receipt beside them."""
    answer = client.chat.completions.create(model=model, messages=HELLO)

    (choice,) = answer.choices
    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model) == ("chat.completion", model)
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", "one two three")
    assert choice.message.refusal is None
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 6)
    assert answer.receipt["finish"] == "stop"
    assert set(answer.receipt) >= {"cost_usd", "timings"}


def test_cached_and_thinking_tokens_are_parts(client: openai.OpenAI) -> None:
    """They stand in OpenAI's details, inside the totals."""
    usage = client.chat.completions.create(
        model=GEMINI, messages=said("a b c d #think=4 #cached=2")
    ).usage

    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (6, 8, 14)
    assert usage.prompt_tokens_details.cached_tokens == 2
    assert usage.completion_tokens_details.reasoning_tokens == 4


@pytest.mark.parametrize("fault", ["no_usage", "cut"])
def test_unknown_counts_are_no_usage_at_all(api: Api, fault: str) -> None:
    """Nobody can take a missing count for 0, plain or streamed."""
    body = {"model": VLLM, "messages": said(f"one two #fault={fault}")}
    plain = api.post(COMPLETIONS, json=body).json()
    wish = {"model": VLLM, "stream_options": {"include_usage": True}}
    *_, usage, _ = chunks_of(api, f"one two #fault={fault}", **wish)

    assert plain["usage"] is None
    assert (usage["choices"], usage["usage"]) == ([], None)


@pytest.mark.parametrize(
    ("fault", "finish", "reason"),
    [("max_tokens", "length", "length"), ("cut", "incomplete", "length")],
)
def test_an_answer_that_broke_off_is_never_stop(
    api: Api, client: openai.OpenAI, fault: str, finish: str, reason: str
) -> None:
    """It is cut short to clients; the receipt tells why."""
    prompt = f"one two three four #fault={fault}"
    plain = client.chat.completions.create(model=GEMINI, messages=said(prompt))
    *_, last, _ = chunks_of(api, prompt, model=GEMINI)

    assert plain.choices[0].message.content == "one two"
    assert (plain.choices[0].finish_reason, plain.receipt["finish"]) == (reason, finish)
    assert (last["choices"][0]["finish_reason"], last["receipt"]["finish"]) == (reason, finish)


def test_a_safety_stop_is_refused_or_filtered(api: Api, client: openai.OpenAI) -> None:
    """Plain: 422. Streamed: the reason says so."""
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model=GEMINI, messages=said("x #fault=safety"))
    *_, last, _ = chunks_of(api, "x #fault=safety", model=GEMINI)

    assert caught.value.code == "refused"
    assert last["choices"][0]["finish_reason"] == "content_filter"


def test_a_client_that_gives_up_hangs_up(api: Api, client: openai.OpenAI, fake: FakeServer) -> None:
    """Also before the first token, and the ledger has it as stopped."""
    impatient = client.with_options(timeout=0.7)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model=OLLAMA, messages=said("x #slow=20"))

    assert fake.wait_idle(timeout_s=3)
    assert fake.asked[-1].hung_up
    assert wait_until(lambda: api.app.ledger.rows()[-1]["finish"] == "stopped")


def test_a_call_is_a_call_like_any_other(api: Api, client: openai.OpenAI) -> None:
    """It has one row in the ledger, from the API, with its cost."""
    before = len(api.app.ledger.rows())
    answer = client.chat.completions.create(model=GEMINI, messages=HELLO)
    (row,) = api.app.ledger.rows()[before:]

    assert (row["source"], row["finish"]) == ("api", "stop")
    assert float(row["cost_usd"]) == answer.receipt["cost_usd"] > 0


def test_hugging_faces_client_gets_an_answer(api: Api) -> None:
    """Plain, without a model chosen, and as a stream with its usage."""
    with hugging_face_client(api) as hub:
        plain = hub.chat_completion(HELLO)
        options = {"include_usage": True}
        *chunks, last = hub.chat_completion(HELLO, model=VLLM, stream=True, stream_options=options)

    assert (plain.model, plain.choices[0].message.content) == (GEMINI, "one two three")
    assert plain.usage.total_tokens == 6
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage.completion_tokens == 3


@pytest.mark.parametrize("model", [None, "", "dummy"])
def test_without_a_model_the_default_one_answers(api: Api, model: str | None) -> None:
    """Left out, empty, or what a client says that has none."""
    answer = api.post(COMPLETIONS, json={"model": model, "messages": HELLO}).json()

    assert answer["model"] == GEMINI


def test_other_calls_of_openai_are_not_found(api: Api) -> None:
    """In OpenAI's shape, so that the client can say it."""
    answers = [api.post("/v1/embeddings", json={}), api.get("/v1/chat/completions")]

    assert [answer.status_code for answer in answers] == [404, 405]
    assert [error_of(answer)["code"] for answer in answers] == ["not_found", "bad_input"]
