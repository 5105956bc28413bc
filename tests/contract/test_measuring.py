"""What measuring needs of an adapter: answers of a fixed length, and the engine's own clock."""

from contextlib import closing

import pytest

from lib.core.chat import Done, Finish
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from tests.contract import engine
from tests.contract.conftest import QWEN, Bench, done_of, last_usage
from tests.fakes import FakeServer


def test_only_who_knows_it_is_told_to_write_on(bench: Bench) -> None:
    """vLLM has a field for it; the others would refuse it, or not understand."""
    list(bench.provider.stream(bench.request("hello", ignore_eos=True)))
    told = bench.fake.asked[-1].body
    list(bench.provider.stream(bench.request("hello")))
    not_told = bench.fake.asked[-1].body

    assert told.get("ignore_eos") is (True if bench.adapter.id == "vllm" else None)
    assert "ignore_eos" not in str(not_told)


def test_ollamas_own_clock() -> None:
    """How long it read and wrote, in milliseconds; vLLM does not say."""
    with (
        FakeServer(prefill_tok_s=100, decode_tok_s=500) as gpu,
        closing(Ollama([gpu.url], 10)) as ollama,
        closing(VLLM([f"{gpu.url}/v1"], "k", 10)) as vllm,
    ):
        told = done_of(ollama, "one two three four five", max_tokens=10)
        silent = done_of(vllm, "one two three", QWEN, max_tokens=10)

    assert told.prompt_ms == pytest.approx(50)
    assert told.answer_ms == pytest.approx(20)
    assert silent.prompt_ms is silent.answer_ms is None


@engine.NEEDS_WEIGHTS
def test_the_embedded_model_writes_on() -> None:
    """Exactly as many tokens as asked for, and llama.cpp tells how long that took."""
    with closing(engine.make()) as embedded:
        ended = engine.ask(embedded, "Say hi.", max_tokens=60)
        wrote_on = engine.ask(embedded, "Say hi.", max_tokens=60, ignore_eos=True)
    done, usage = wrote_on[-1], last_usage(wrote_on)

    assert isinstance(ended[-1], Done)
    assert ended[-1].finish is Finish.STOP
    assert isinstance(done, Done)
    assert done.finish is Finish.LENGTH
    assert usage is not None
    assert usage.output_tokens == 60
    assert done.prompt_ms
    assert done.answer_ms
    assert done.answer_ms > done.prompt_ms
