"""What a server calls a model, and what the estimate's table calls it."""

import re
from collections.abc import Container

# The repositories whose weights the table counts, in lower case. An exact list: a name nearly the
# same is other weights, and those of AWQ, GPTQ, FP8 and the like take other memory. The names are
# those of the model cards on https://huggingface.co, 2026-11-23.
REPOSITORIES = {
    "google/gemma-3-270m-it": "gemma3:270m-it-qat",
    "google/gemma-3-1b-it": "gemma3:1b",
    "google/gemma-3-4b-it": "gemma3:4b",
    "google/gemma-3-12b-it": "gemma3:12b",
    "google/gemma-3-27b-it": "gemma3:27b",
    "google/gemma-4-12b-it": "gemma4:12b",
    "google/gemma-4-31b-it": "gemma4:31b",
    "qwen/qwen3.5-0.8b": "qwen3.5:0.8b-q4_K_M",
    "qwen/qwen3.5-2b": "qwen3.5:2b-q4_K_M",
    "qwen/qwen3.5-4b": "qwen3.5:4b",
    "qwen/qwen3.5-9b": "qwen3.5:9b",
    "qwen/qwen3.5-27b": "qwen3.5:27b",
    "qwen/qwen3-4b": "qwen3:4b",
    "qwen/qwen3-8b": "qwen3:8b",
    "qwen/qwen3-14b": "qwen3:14b",
    "meta-llama/llama-3.1-8b-instruct": "llama3.1:8b",
    "meta-llama/meta-llama-3.1-8b-instruct": "llama3.1:8b",
    "meta-llama/llama-3.1-70b-instruct": "llama3.1:70b",
    "meta-llama/meta-llama-3.1-70b-instruct": "llama3.1:70b",
    "meta-llama/llama-3.2-3b-instruct": "llama3.2:3b",
    "mistralai/mistral-7b-instruct-v0.3": "mistral:7b",
    "microsoft/phi-4": "phi4:14b",
    "deepseek-ai/deepseek-r1-distill-qwen-7b": "deepseek-r1:7b",
    "deepseek-ai/deepseek-r1-distill-qwen-14b": "deepseek-r1:14b",
}
# How Ollama's library ends the full tags of what its short tags mean: four bits a weight.
_FOUR_BITS = re.compile(r"(-it|-instruct|-qwen-distill)?-(q4_K_M|q4_K_S|q4_0|qat)$", re.IGNORECASE)


def table_tag(provider: str, name: str, tags: Container[str]) -> str | None:
    """The one of `tags` whose figures are those of the model that a provider serves as `name`.

    The table counts BF16 for vLLM and four bits for Ollama; None where it may be anything else.
    """
    if provider == "vllm":
        tag = REPOSITORIES.get(name.lower())
    else:
        tag = name if name in tags else _FOUR_BITS.sub("", name)
    return tag if tag in tags else None
