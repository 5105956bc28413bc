"""What an open model reads and how it thinks, by its name; for servers that do not say it."""

import re

from lib.core.chat import Modality, Thinking
from lib.core.thinking import named_levels

# Families whose every size sees, and marks that model makers put into the names of those that do.
# Gemma 3 sees from 4B on. Source: the families' model cards and Ollama's library, 2026-11-22.
_SEES = re.compile(
    r"""gemma-?3[:-](4b|12b|27b) | gemma-?4 | qwen3\.[5-9] | llama-?4 | llama3\.2-vision
      | pixtral | mistral-small3 | llava | internvl | minicpm-?v | molmo | moondream | smolvlm
      | (?<![a-z])(vl|vision|vlm|omni|multimodal)(?![a-z])
      | (?<=[a-z\d])vl(?![a-z])""",
    re.VERBOSE | re.IGNORECASE,
)


def by_name(name: str) -> tuple[Modality, ...]:
    """Text always; images when the name says so."""
    return ("text", "image") if _SEES.search(name) else ("text",)


# Chat templates that look at `enable_thinking`: Qwen 3 (not its kinds that always or never think)
# and GLM from 4.5 on think unless told not to, Gemma 4 only when told. DeepSeek R1, QwQ and
# Magistral cannot be told so, DeepSeek V3.1 and Granite by another word. Source: vLLM's page on
# reasoning outputs (v0.26), its recipe of GLM-5.1, Qwen's quickstart, 2026-11-22.
_THINKS = re.compile(
    r"""qwen-?3(?!.*(instruct|thinking|coder|base|embed|rerank|guard))
      | (?<![a-z])glm-?(4\.[5-9]|5)""",
    re.VERBOSE | re.IGNORECASE,
)
_CAN_THINK = re.compile(r"gemma-?4", re.IGNORECASE)


def levels_by_name(name: str) -> tuple[Thinking, ...]:
    """The levels of thinking a model can be told, none when its name does not say."""
    if named_levels(name):
        return ("low", "medium", "high")
    return ("off", "high") if _THINKS.search(name) or _CAN_THINK.search(name) else ()


def thinks_by_name(name: str) -> bool:
    """Whether the name says that a model thinks unless it is told not to."""
    return bool(_THINKS.search(name))
