"""A prompt counted before it is sent: the number that the answer will tell, or none at all."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from lib.core.chat import Counts, Message, Request
from lib.core.errors import AuthFailed, Broke, ModelMissing, NoConnection, TimedOut
from lib.providers import gemini_wire, openai_wire
from lib.providers.vllm import VLLM
from tests.contract.conftest import FLASH, PICTURE, QWEN, Adapter, Bench, last_usage, only
from tests.fakes import FakeServer
from tests.fakes.gemini import either
from tests.unit.builders import site


def counts(adapter: Adapter) -> bool:
    return adapter.id != "ollama"


counting = only(counts)


def counted(bench: Bench, request: Request) -> int | None:
    assert isinstance(bench.provider, Counts)
    return bench.provider.count(request)


def talk(bench: Bench, *media: Any, **options: Any) -> Request:
    messages = (
        Message("user", "one two"),
        Message("assistant", "three"),
        Message("user", "vier fünf sechs", media),
    )
    return Request(bench.adapter.model, messages, system="be brief", **options)


@counting
def test_the_count_is_that_of_the_answer(bench: Bench) -> None:
    """System prompt and history are counted as the call that follows counts them."""
    request = talk(bench, max_tokens=50, temperature=0.5)
    before = counted(bench, request)
    usage = last_usage(list(bench.provider.stream(request)))

    assert usage is not None
    assert before == usage.input_tokens == 8


@only(lambda adapter: adapter.google)
def test_google_counts_pictures(bench: Bench) -> None:
    """Its count holds for media too."""
    request = talk(bench, PICTURE, PICTURE)
    before = counted(bench, request)
    usage = last_usage(list(bench.provider.stream(request)))

    assert usage is not None
    assert before == usage.input_tokens == 28


@counting
def test_counting_asks_no_model(bench: Bench) -> None:
    """It is one call, and none that is paid for."""
    before, asked = len(bench.fake.calls), len(bench.fake.asked)
    counted(bench, bench.request("one two"))

    assert len(bench.fake.calls) == before + 1
    assert len(bench.fake.asked) == asked


@only(lambda adapter: adapter.id == "ollama")
def test_ollama_does_not_count(bench: Bench) -> None:
    """It has no such call, and nobody pretends that it had."""
    assert not isinstance(bench.provider, Counts)


@only(lambda adapter: adapter.google)
def test_google_counts_all_that_is_read(bench: Bench) -> None:
    """The whole request goes along, for the schema and the resolution weigh something too."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    options: dict[str, Any] = {"json_schema": schema}
    if bench.adapter.id == "gemini":
        options["media_resolution"] = "low"
    counted(bench, talk(bench, **options))
    body = bench.fake.calls[-1].body
    whole = either(body, "generateContentRequest") or body  # gRPC's is unwrapped by the fake
    config = either(whole, "generationConfig")

    assert whole["model"] == f"models/{FLASH}"
    assert either(whole, "systemInstruction")["parts"] == [{"text": "be brief"}]
    assert len(whole["contents"]) == 3
    assert either(config, "responseJsonSchema") or either(config, "responseSchema")
    if bench.adapter.id == "gemini":
        assert config["mediaResolution"] == "MEDIA_RESOLUTION_LOW"
        assert not body.get("contents")


@counting
def test_a_server_that_broke_is_an_error(bench: Bench) -> None:
    """Status 500 is told as for an answer."""
    with pytest.raises(Broke):
        counted(bench, bench.request("one #count=internal"))


@counting
def test_a_slow_count_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits to send: a count has seconds, whatever the model's own time is."""
    monkeypatch.setattr(openai_wire, "COUNT_S", 0.3)
    monkeypatch.setattr(gemini_wire, "LOOK_UP_S", 0.3)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        counted(bench, bench.request("one #count=slow"))

    assert time.monotonic() - started < 3


def test_a_count_has_five_seconds() -> None:
    """Longer than a tokenizer needs, shorter than anybody's patience."""
    assert openai_wire.COUNT_S == gemini_wire.LOOK_UP_S == 5.0


@counting
def test_nobody_there_is_an_error(bench: Bench, dead_address: str) -> None:
    """A server that is gone is no count of 0."""
    provider = bench.adapter.make(f"http://{dead_address}", dead_address, 5.0)
    assert isinstance(provider, Counts)
    with closing(provider), pytest.raises(NoConnection):
        provider.count(bench.request("one"))


@counting
def test_a_refused_key_is_an_error(bench: Bench) -> None:
    """The key is sent along, and a bad one told as such."""
    make: Callable[..., Any] = bench.adapter.make
    provider = make(bench.fake.url, bench.fake.grpc_target, 5.0, "bad")
    with closing(provider), pytest.raises(AuthFailed):
        provider.count(bench.request("one"))


@only(lambda adapter: adapter.google)
def test_google_knows_when_a_model_is_missing(bench: Bench) -> None:
    """Its 404 means the model, not the call."""
    with pytest.raises(ModelMissing):
        counted(bench, replace(bench.request("one"), model="gemini-0"))


@only(lambda adapter: adapter.id == "vllm")
def test_a_server_without_the_call_cannot_say(bench: Bench) -> None:
    """Other OpenAI-compatible servers answer 404, which is no error."""
    assert counted(bench, bench.request("one #count=missing")) is None


@pytest.mark.parametrize("answer", [{"tokens": [1, 2]}, ["count"], {"count": "many"}])
def test_another_answer_is_no_count(answer: Any) -> None:
    """A server that means something else by that path is not believed."""
    with site({"/tokenize": answer}) as host, closing(VLLM([f"{host.url}/v1"], None, 5)) as vllm:
        assert vllm.count(Request(QWEN, (Message("user", "one"),))) is None


@pytest.mark.parametrize("ending", ["/v1", "/v1/", ""])
def test_the_call_is_beside_v1(ending: str) -> None:
    """It lies at the server's root, with the template's switch and the beginning of the answer."""
    request = Request("Qwen/Qwen3-4B", (Message("user", "one"),), thinking="off")
    with (
        site({"/tokenize": {"count": 7}}) as host,
        closing(VLLM([host.url + ending], None, 5)) as vllm,
    ):
        found = vllm.count(request)

    assert (found, host.asked) == (7, ["/tokenize"])
    assert host.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert host.bodies[0]["add_generation_prompt"] is True


@pytest.mark.parametrize(
    "request_",
    [
        Request(QWEN, (Message("user", "look", (PICTURE,)),)),
        Request(QWEN, (Message("user", "whole prompt"),), raw=True),
        Request("openai/gpt-oss-20b", (Message("user", "one"),)),
    ],
    ids=["picture", "raw", "gpt-oss"],
)
def test_what_vllm_may_count_otherwise_is_not_asked(fake: FakeServer, request_: Request) -> None:
    """A number that may be wrong is none."""
    before = len(fake.calls)
    with closing(VLLM([f"{fake.url}/v1"], "k", 5)) as vllm:
        assert vllm.count(request_) is None

    assert len(fake.calls) == before
