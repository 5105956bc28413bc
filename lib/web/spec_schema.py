"""A job's spec as JSON Schema, for /api/docs; `lib/core/spec.py` is what judges.

What JSON Schema cannot say stands in the descriptions.
"""

from typing import Any

from lib.core import spec
from lib.web.openapi import closed, or_null

_TEXT = {"type": "string", "maxLength": spec.MOST_CHARACTERS}
_NAME = {
    "type": "string", "minLength": 1, "maxLength": 200,
    "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$",
}  # fmt: skip
_LABEL = {"anyOf": [_NAME, closed({"name": _NAME, "description": or_null(_TEXT)}, "name")]}
_EXAMPLE = closed(
    {"text": {**_TEXT, "minLength": 1, "pattern": r"\S"}, "label": _NAME}, "text", "label"
)


def _whole(least: int, most: int, default: int | None = None, about: str = "") -> dict[str, Any]:
    said = {"type": "integer", "minimum": least, "maximum": most, "description": about}
    known = {name: value for name, value in said.items() if value != ""}
    return or_null(known if default is None else {**known, "default": default})


def _text(about: str) -> dict[str, Any]:
    return or_null({**_TEXT, "description": about})


USD: dict[str, Any] = {
    "description": "US dollars, as a number or its text.",
    "anyOf": [
        {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1e9},
        {"type": "string", "pattern": r"^[1-9][0-9]{0,8}(\.[0-9]{1,9})?$"},
    ],
}
SPEC: dict[str, Any] = {
    "labels": {
        "type": "array", "items": _LABEL, "minItems": 2, "maxItems": spec.MOST_LABELS,
        "uniqueItems": True,
        "description": "All different, whatever their case and the blanks around them.",
    },
    "instruction": _text("What to look for, in your words."),
    "examples": {
        "type": ["array", "null"], "items": _EXAMPLE, "maxItems": spec.MOST_EXAMPLES,
        "description": "Each with one of the labels.",
    },
    "text_column": _text("Left out for a ZIP of pictures."),
    "gold_column": _text("The right labels, for the evaluation."),
    "sheet": _text("Of an XLSX; default the first."),
    "model": _text("An id of /api/models; default its default."),
    "rows_per_request": _whole(1, spec.MOST_ROWS_PER_REQUEST, 1),
    "concurrency": _whole(
        1, spec.MOST_CONCURRENCY, None, "Most calls at once; default what suits the provider."
    ),
    "budget_usd": USD,
    "max_retries": _whole(0, spec.MOST_RETRIES, 5, "Of a row's call, after a fault."),
    "reuse": or_null({
        "type": "boolean", "default": True,
        "description": "Take answers of earlier jobs to the same question.",
    }),
    "votes": _whole(
        1, spec.MOST_VOTES, 1, "Ask each row so often; the majority's share is its confidence."
    ),
    "batch": or_null({
        "type": "boolean", "default": False,
        "description": "Send the rows through Google's Batch API: half the price, up to 24 hours; "
        "what has no usable answer then is asked again at the standard price. Gemini only.",
    }),
}  # fmt: skip
JOB = closed(
    SPEC,
    "labels",
    anyOf=[  # several votes are asked row by row, and not in a batch
        {"properties": {"votes": {"maximum": 1}}},
        {"properties": {"rows_per_request": {"maximum": 1}, "batch": {"enum": [False, None]}}},
    ],
)
