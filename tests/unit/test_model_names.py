"""What servers call a model, by the tag the estimate's table has for it."""

import pytest

from lib.core.model_names import REPOSITORIES, table_tag
from lib.store import estimate_tables

TAGS = estimate_tables.local_models()


@pytest.mark.parametrize(
    ("provider", "name", "tag"),
    [
        ("vllm", "google/gemma-3-4b-it", "gemma3:4b"),
        ("vllm", "Qwen/Qwen3-4B", "qwen3:4b"),
        ("vllm", "meta-llama/Llama-3.1-8B-Instruct", "llama3.1:8b"),
        ("vllm", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseek-r1:7b"),
        ("vllm", "Qwen/Qwen3.5-0.8B", "qwen3.5:0.8b-q4_K_M"),
        ("ollama", "gemma3:4b", "gemma3:4b"),
        ("ollama", "gemma3:4b-it-q4_K_M", "gemma3:4b"),
        ("ollama", "gemma3:4b-it-qat", "gemma3:4b"),
        ("ollama", "gemma3:270m-it-qat", "gemma3:270m-it-qat"),
        ("ollama", "llama3.1:8b-instruct-q4_K_M", "llama3.1:8b"),
        ("ollama", "deepseek-r1:7b-qwen-distill-q4_K_M", "deepseek-r1:7b"),
    ],
)
def test_the_same_weights(provider: str, name: str, tag: str) -> None:
    """By the repository at vLLM, by the short tag at Ollama."""
    assert table_tag(provider, name, TAGS) == tag


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("vllm", "Qwen/Qwen3-4B-AWQ"),
        ("vllm", "Qwen/Qwen3-4B-FP8"),
        ("vllm", "Qwen/Qwen3-4B-GPTQ-Int4"),
        ("vllm", "Qwen/Qwen3-4B-GGUF"),
        ("vllm", "unsloth/gemma-3-4b-it-bnb-4bit"),
        ("vllm", "RedHatAI/gemma-3-4b-it-quantized.w8a8"),
        ("vllm", "Qwen/Qwen3-4B-Thinking-2507"),
        ("vllm", "Qwen/Qwen2.5-VL-3B-Instruct"),
        ("vllm", "somebody/gemma-3-4b-it"),
        ("vllm", "gemma3:4b"),  # a name somebody gave: of which weights, nobody knows
        ("ollama", "gemma3:4b-it-q8_0"),
        ("ollama", "gemma3:4b-it-fp16"),
        ("ollama", "qwen3.5:0.8b"),
        ("ollama", "gemma3:latest"),
        ("ollama", "own:1b-q4_K_M"),
        ("ollama", "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"),
        ("ollama", "Qwen/Qwen3-4B"),
        ("embedded", "smollm2"),
    ],
)
def test_whatever_is_in_doubt_is_unknown(provider: str, name: str) -> None:
    """Other weights, or weights nobody told, are nothing the table has figures for."""
    assert table_tag(provider, name, TAGS) is None


def test_every_tag_has_its_repository() -> None:
    """A model that joins the table and not the list would be unknown at vLLM."""
    assert set(REPOSITORIES.values()) == set(TAGS)
    assert all(name == name.lower() for name in REPOSITORIES)
