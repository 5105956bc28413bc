"""How a model is named towards Ollama: [host/][namespace/]name[:tag], the tag «latest» if none."""

import re

from lib.core.errors import BadInput

# Each part's signs and lengths are those of Ollama's types/model/name.go.
_PART = r"[A-Za-z0-9_][\w.-]{0,79}"
_TAG = re.compile(
    r"(?:(?P<host>[\w-]*[.:][\w.:-]*|localhost)/)?"
    rf"(?:[A-Za-z0-9_][\w-]{{0,79}}/)?{_PART}(?::{_PART})?",
    re.ASCII,
)
# Ollama fetches from any host it is told, also inside its own network, and any name may lead there.
_HOSTS = frozenset({"registry.ollama.ai", "ollama.com", "hf.co", "huggingface.co"})
_MOST = 300


def checked_tag(text: str, field: str = "model", anywhere: bool = False) -> str:
    """The full name of the model that is meant; BadInput naming `field` when it cannot be one.

    `anywhere` is for a model that is there: its name may begin with any host.
    """
    tag = text.strip()
    found = None if len(tag) > _MOST or ".." in tag else _TAG.fullmatch(tag)
    if not found:
        raise BadInput(
            f"{field}: that is not a model's name.",
            hint="Write it as Ollama does: NAME:TAG, e.g. gemma3:4b, or hf.co/NAME/REPOSITORY.",
        )
    if found["host"] and found["host"].lower() not in _HOSTS and not anywhere:
        raise BadInput(
            f"{field}: models are pulled from Ollama's library and from Hugging Face only.",
            hint="e.g. gemma3:4b or hf.co/NAME/REPOSITORY. From elsewhere Ollama itself can be "
            "told to get one, with «ollama pull».",
        )
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
