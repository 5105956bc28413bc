"""The fields of a job's spec as JSON Schema, for /api/docs; `lib/core/spec.py` is what judges."""

from typing import Any

from lib.core import spec

_TEXT = {"type": "string", "maxLength": spec.MOST_CHARACTERS}
_LABEL = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "description": _TEXT},
        },
    ]
}
_EXAMPLE = {
    "type": "object",
    "required": ["text", "label"],
    "properties": {"text": _TEXT, "label": {"type": "string"}},
}

SPEC: dict[str, Any] = {
    "labels": {"type": "array", "items": _LABEL, "minItems": 2, "maxItems": spec.MOST_LABELS},
    "instruction": {**_TEXT, "description": "What to look for, in your words."},
    "examples": {"type": "array", "items": _EXAMPLE, "maxItems": spec.MOST_EXAMPLES},
    "text_column": {"type": "string", "description": "Left out for a ZIP of pictures."},
    "gold_column": {"type": "string", "description": "The right labels, for the evaluation."},
    "sheet": {"type": "string", "description": "Of an XLSX; default the first."},
    "model": {"type": "string", "description": "An id of /api/models; default its default."},
    "rows_per_request": {
        "type": "integer", "minimum": 1, "maximum": spec.MOST_ROWS_PER_REQUEST, "default": 1,
    },
    "concurrency": {
        "type": "integer", "minimum": 1, "maximum": spec.MOST_CONCURRENCY,
        "description": "Most calls at once; default what suits the provider.",
    },
    "budget_usd": {"type": "number", "exclusiveMinimum": 0},
    "max_retries": {"type": "integer", "minimum": 0, "maximum": spec.MOST_RETRIES, "default": 5},
    "reuse": {
        "type": "boolean", "default": True,
        "description": "Take answers of earlier jobs to the same question.",
    },
    "votes": {
        "type": "integer", "minimum": 1, "maximum": spec.MOST_VOTES, "default": 1,
        "description": "Ask each row so often; the majority's share is its confidence.",
    },
}  # fmt: skip
