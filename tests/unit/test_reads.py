"""What a model reads, judged by its name."""

import pytest

from lib.providers.reads import by_name

SEES = [
    "gemma3:4b",
    "gemma3:12b",
    "gemma3:27b",
    "gemma-3-4b-it",
    "google/gemma-3-27b-it",
    "gemma4:e4b",
    "gemma4:31b",
    "gemma3:4b-it-qat",
    "qwen3.5:9b",
    "Qwen/Qwen3.5-27B",
    "Qwen/Qwen2.5-VL-7B-Instruct",
    "qwen2.5vl:7b",
    "qwen3-vl:8b",
    "llama3.2-vision",
    "llama3.2-vision:11b",
    "meta-llama/Llama-3.2-11B-Vision-Instruct",
    "llama4:scout",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "llava",
    "llava:13b",
    "llava-hf/llava-1.5-7b-hf",
    "bakllava",
    "pixtral",
    "mistralai/Pixtral-12B-2409",
    "HuggingFaceTB/SmolVLM-Instruct",
    "mistral-small3.1:24b",
    "moondream",
    "minicpm-v:8b",
    "openbmb/MiniCPM-V-2_6",
    "OpenGVLab/InternVL3-8B",
    "granite3.2-vision",
    "Qwen/Qwen2.5-Omni-7B",
    "microsoft/Phi-4-multimodal-instruct",
    "allenai/Molmo-7B-D-0924",
]
BLIND = [
    "gemma3:1b",
    "gemma3:270m",
    "google/gemma-3-1b-it",
    "qwen3:8b",
    "Qwen/Qwen3-4B",
    "qwen2.5:7b",
    "qwen2.5-coder:7b",
    "llama3.2:3b",
    "llama3.1:8b",
    "meta-llama/Llama-3.2-3B-Instruct",
    "deepseek-r1:7b",
    "smollm2:135m",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "phi4",
    "mistral:7b",
    "mistral-nemo",
    "gpt-oss:20b",
    "nomic-embed-text",
    "television-7b",
    "revlon",
    "vllm-test",
]


@pytest.mark.parametrize("name", SEES)
def test_these_see(name: str) -> None:
    """A family, or a mark in the name, tells that a model reads pictures."""
    assert by_name(name) == ("text", "image")


@pytest.mark.parametrize("name", BLIND)
def test_these_read_text_only(name: str) -> None:
    """A model whose name says nothing of sight is not sent pictures."""
    assert by_name(name) == ("text",)
