"""What an open model reads, judged by its name; for servers that do not say it themselves."""

import re

from lib.core.chat import Modality

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
