"""Whether and how much a model thinks: who can be told, in which words, and who says so."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Message, Request, Thinking
from lib.providers.embedded import Embedded
from lib.providers.ollama import Ollama
from lib.providers.reads import levels_by_name, thinks_by_name
from lib.providers.vllm import VLLM
from tests.contract.conftest import FLASH, QWEN, SMALL_OLLAMA, Bench, only
from tests.contract.test_choices import THINKER
from tests.contract.test_options import knobs, sent
from tests.fakes import FakeServer
from tests.fakes.gemini import either
from tests.unit.builders import site

ON_OFF = ("off", "high")
LEVELS = ("low", "medium", "high")


@only(lambda adapter: adapter.id == "gemini")
@pytest.mark.parametrize(
    ("model", "level", "expected"),
    [
        (FLASH, "off", {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        (FLASH, "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        (FLASH, "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.5-flash-lite", "off", {"thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", "high", {"thinkingBudget": -1}),
    ],
)
def test_gemini_is_told_how_much_to_think(
    bench: Bench, model: str, level: Thinking, expected: dict[str, Any]
) -> None:
    """Gemini 3 knows levels, of which the lowest is nearly off; 2.5 only on and off."""
    request = Request(model, (Message("user", "hello"),), thinking=level)
    list(bench.provider.stream(request))

    config = knobs(bench, bench.fake.asked[-1].body)["thinkingConfig"]

    assert {name: either(config, name) for name in expected} == expected
    assert len(config) == len(expected)


@only(lambda adapter: adapter.id == "vllm")
@pytest.mark.parametrize(("level", "on"), [("off", False), ("high", True)])
def test_a_chat_template_is_told_whether_to_think(bench: Bench, level: Thinking, on: bool) -> None:
    """vLLM hands the switch to the model's own template."""
    assert sent(bench, thinking=level)["chat_template_kwargs"] == {"enable_thinking": on}


def test_gpt_oss_is_told_levels_by_vllm() -> None:
    """Its template knows no switch, so the effort is sent and the switch is not."""
    done = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}
    models = {"data": [{"id": "openai/gpt-oss-20b"}]}
    with (
        site({"/v1/models": models, "/v1/chat/completions": done}) as host,
        closing(VLLM([f"{host.url}/v1"], None, 5)) as vllm,
    ):
        (info,) = vllm.models()
        request = Request(info.name, (Message("user", "x"),), thinking="low", stream=False)
        list(vllm.stream(request))

    assert info.thinking == LEVELS
    assert host.bodies[-1]["reasoning_effort"] == "low"
    assert "chat_template_kwargs" not in host.bodies[-1]


@pytest.mark.parametrize(
    ("name", "levels", "told", "think"),
    [
        ("gpt-oss:20b", LEVELS, "low", "low"),
        ("gpt-oss:20b", LEVELS, "high", "high"),
        ("small", ON_OFF, "high", True),
        ("small", ON_OFF, "off", False),
    ],
)
def test_ollama_is_told_in_the_models_own_words(
    name: str, levels: tuple[Thinking, ...], told: Thinking, think: bool | str
) -> None:
    """Most models know on and off, gpt-oss three levels and no off."""
    answers = SMALL_OLLAMA | {
        "/api/tags": {"models": [{"model": name}]},
        "/api/show": {"model_info": {}, "capabilities": ["completion", "thinking"]},
    }
    with site(answers) as host, closing(Ollama([host.url], 5)) as ollama:
        (info,) = ollama.models()
        list(ollama.stream(Request(name, (Message("user", "x"),), thinking=told)))

    assert (info.thinking, info.thinks) == (levels, True)
    assert host.bodies[-1]["think"] == think
    assert type(host.bodies[-1]["think"]) is type(think)


def test_models_say_which_levels_they_know(fake: FakeServer) -> None:
    """Thinking can be set where a model has it, and nowhere else."""
    with (
        closing(Ollama([fake.url], 5)) as ollama,
        closing(VLLM([f"{fake.url}/v1"], "k", 5)) as vllm,
    ):
        levels = {info.name: info.thinking for info in (*ollama.models(), *vllm.models())}
        thinks = {info.name: info.thinks for info in vllm.models()}

    assert levels == {
        "gemma3:4b": (), "llama3.2:3b": (), THINKER: ON_OFF, QWEN: (), "Qwen/Qwen3-4B": ON_OFF,
    }  # fmt: skip
    assert thinks == {QWEN: False, "Qwen/Qwen3-4B": True}


@pytest.mark.parametrize(
    "name",
    ["Qwen/Qwen3-8B-AWQ", "Qwen/Qwen3.5-27B", "qwen3.6-35b-a3b", "zai-org/GLM-4.5-Air", "GLM-5.1"],
)
def test_these_think_unless_told_not_to(name: str) -> None:
    """Families whose template reads the switch and has it on."""
    assert (levels_by_name(name), thinks_by_name(name)) == (ON_OFF, True)


@pytest.mark.parametrize(
    "name",
    [
        "Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-30B-A3B-Thinking-2507",
        "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-Coder-Next", "Qwen/Qwen3-Embedding-8B",
        "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/QwQ-32B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "mistralai/Magistral-Small-2509", "google/gemma-3-4b-it", "zai-org/GLM-4-9B-0414",
        "meta-llama/Llama-3.1-8B-Instruct",
    ],
)  # fmt: skip
def test_these_cannot_be_told(name: str) -> None:
    """They never think, always do, or are told by other means; a switch would do nothing."""
    assert (levels_by_name(name), thinks_by_name(name)) == ((), False)


def test_gemma_4_thinks_when_told() -> None:
    """Its template has the switch, but off."""
    assert (levels_by_name("google/gemma-4-26B-A4B-it"), thinks_by_name("gemma-4")) == (
        ON_OFF, False,
    )  # fmt: skip


def test_an_embedded_model_has_no_levels(tmp_path: Path) -> None:
    """The built-in model does not think."""
    with closing(Embedded(tmp_path / "x.gguf", "small", None, 5)) as embedded:
        (info,) = embedded.models()

    assert (info.thinking, info.thinks) == ((), False)
