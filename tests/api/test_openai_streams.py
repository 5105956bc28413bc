"""/api/v1 streamed: OpenAI's chunks, the usage when it is wanted, thoughts, breaks, hang-ups."""

import time
from typing import Any

import openai
import pytest

from lib.web import attach
from tests.api.conftest import Api, openai_client
from tests.api.openai_clients import (
    COMPLETIONS,
    chunks_of,
    hugging_face_client,
    said,
)
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, GEMINI, VLLM


@EVERYONE
def test_a_stream_is_role_words_and_reason(client: openai.OpenAI, model: str) -> None:
    """Each chunk has the answer's id; only the last has a reason, and none the usage."""
    asked = {"model": model, "messages": said("one two three #pace=0.05"), "stream": True}
    chunks = list(client.chat.completions.create(**asked))

    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[0].model == model
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert [delta.content for delta in deltas[1:-1]] == ["one", " two", " three"]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert not any(chunk.usage for chunk in chunks)
    assert chunks[-1].receipt["finish"] == "stop"


def test_clients_skip_what_bridges_a_silence(api: Api, monkeypatch) -> None:
    """A silent model is bridged by comments; both clients read the same words as without."""
    monkeypatch.setattr(attach, "SILENCE_S", 0.1)
    prompt = "one two #pace=0.4 #think=2"
    body = {"model": GEMINI, "messages": said(prompt), "stream": True}
    raw = api.post(COMPLETIONS, json=body).text
    hugging_face = hugging_face_client(api)
    with openai_client(api) as client:
        streams = [
            client.chat.completions.create(**body),
            hugging_face.chat_completion(said(prompt), model=GEMINI, stream=True),
        ]
        words = ["".join(one.choices[0].delta.content or "" for one in each) for each in streams]

    assert raw.count("\n\n: \n\n") >= 2
    assert words == ["one two"] * 2


@EVERYONE
def test_the_usage_is_a_chunk_of_its_own_when_wanted(api: Api, model: str) -> None:
    """It comes last and has no choices; until then every chunk says that it is unknown."""
    wanted = {"model": model, "stream_options": {"include_usage": True}}
    *chunks, usage, mark = chunks_of(api, "one two", **wanted)

    assert mark == "[DONE]"
    assert usage["choices"] == []
    assert usage["object"] == "chat.completion.chunk"
    assert (usage["usage"]["prompt_tokens"], usage["usage"]["completion_tokens"]) == (2, 2)
    assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)


def test_without_the_wish_no_chunk_speaks_of_usage(api: Api) -> None:
    """Clients that did not ask for a chunk without choices do not get one."""
    *chunks, mark = chunks_of(api, "one two")

    assert mark == "[DONE]"
    assert not any("usage" in chunk for chunk in chunks)
    assert all(chunk["choices"] for chunk in chunks)


def test_thoughts_are_not_content(client: openai.OpenAI) -> None:
    """They come apart, under the name other servers use."""
    asked: dict[str, Any] = {"model": VLLM, "messages": said("one two #think=2")}
    message = client.chat.completions.create(**asked).choices[0].message
    chunks = list(client.chat.completions.create(**asked, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]

    assert (message.content, message.reasoning_content) == ("one two", "t1 t2")
    assert "".join(delta.content or "" for delta in deltas) == "one two"
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == "t1 t2"


def test_a_stream_begins_with_the_first_thought(api: Api) -> None:
    """A model that thinks for long does not leave its reader without a sign."""
    started = time.monotonic()
    chunks = chunks_of(api, "one #think=30 #pace=0.1", model=VLLM)
    next(chunks)
    thought = next(chunks)
    took = time.monotonic() - started
    chunks.close()

    assert thought["choices"][0]["delta"]["reasoning_content"].startswith("t1")
    assert took < 2


@pytest.mark.parametrize("fault", ["reset", "mid_error", "broken_json"])
def test_a_break_in_mid_stream_raises_in_the_client(
    api: Api, client: openai.OpenAI, fault: str
) -> None:
    """The words so far arrive, then the client's own APIError; there is no end mark."""
    prompt = f"one two three four #pace=0.1 #fault={fault}"
    stream = client.chat.completions.create(model=GEMINI, messages=said(prompt), stream=True)
    got: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        got.extend(chunk.choices[0].delta.content for chunk in stream)
    *_, last = chunks_of(api, prompt, model=GEMINI)

    assert "".join(got) == "one two"
    assert caught.value.code in ("unreachable", "bad_reply")
    assert set(last) == {"error"}


def test_leaving_in_mid_stream_hangs_up(client: openai.OpenAI, fake: FakeServer) -> None:
    """Closing the client's stream stops the model."""
    stream = client.chat.completions.create(
        model=VLLM, messages=said("#tokens=500 #pace=0.05"), stream=True
    )
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()

    assert fake.wait_idle(timeout_s=3)
    assert fake.asked[-1].hung_up
