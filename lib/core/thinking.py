"""How an open model is told to think."""

import re

_NAMED_LEVELS = re.compile(r"gpt-?oss", re.IGNORECASE)  # it thinks always, more or less of it


def named_levels(model: str) -> bool:
    """Whether an open model's levels of thinking are words, and not just on and off."""
    return bool(_NAMED_LEVELS.search(model))
