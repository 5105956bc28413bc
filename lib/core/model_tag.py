"""How a model is named towards Ollama: [host/][namespace/]name[:tag], the tag «latest» if none."""

import re

from lib.core.errors import BadInput

# Each part's signs and lengths are those of Ollama's types/model/name.go. A host is a name with a
# dot: an address of numbers would send Ollama into its own network.
_PART = r"[A-Za-z0-9_][\w.-]{0,79}"
_TAG = re.compile(
    r"(?:(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?::\d{1,5})?/)?"
    rf"(?:[A-Za-z0-9_][\w-]{{0,79}}/)?{_PART}(?::{_PART})?",
    re.ASCII,
)
_MOST = 300


def checked_tag(text: str, field: str = "model") -> str:
    """The full name of the model that is meant; BadInput naming `field` when it cannot be one."""
    tag = text.strip()
    if len(tag) > _MOST or ".." in tag or not _TAG.fullmatch(tag):
        raise BadInput(
            f"{field}: that is no name of a model.",
            hint="Write it as Ollama does: NAME:TAG, e.g. gemma3:4b, or hf.co/NAME/REPOSITORY.",
        )
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
