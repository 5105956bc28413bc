"""The options of a request as JSON fields: what a conversation, a preset or an export keeps."""

from dataclasses import fields
from typing import Any, get_args

from lib.core.chat import MAX_TOKENS, Request, Resolution, Thinking
from lib.core.errors import BadInput

_KEPT = (
    "system", "max_tokens", "temperature", "top_p", "seed", "stop", "json_schema", "thinking",
    "media_resolution",
)  # fmt: skip
MOST_STOPS = 4  # what OpenAI's dialect takes; Gemini takes five
MOST_NESTED = 60  # levels of a JSON schema; code is written by recursion
_DEFAULTS = {field.name: field.default for field in fields(Request)}
_KINDS: dict[str, tuple[type, ...]] = {
    "system": (str,),
    "max_tokens": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "seed": (int,),
    "stop": (list, tuple),
    "json_schema": (dict,),
    "thinking": (str,),
    "media_resolution": (str,),
}
_CHOICES = {"thinking": get_args(Thinking), "media_resolution": get_args(Resolution)}
# Smallest and largest value; top_p 0 is refused by some servers, seeds are 32 bits at Gemini.
_RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 1_000_000),
    "temperature": (0, 2),
    "top_p": (0.01, 1),
    "seed": (0, 2**31 - 1),
}


def to_fields(request: Request) -> dict[str, Any]:
    """The options that differ from «not set», as JSON values; messages and model stay out."""
    found = {name: getattr(request, name) for name in _KEPT}
    found = {name: value for name, value in found.items() if value != _DEFAULTS[name]}
    if "stop" in found:
        found["stop"] = list(found["stop"])
    return found | {"max_tokens": request.max_tokens}


def from_fields(given: dict[str, Any]) -> Request:
    """A request without messages; an unknown, mistyped or impossible option is BadInput."""
    options: dict[str, Any] = {"max_tokens": MAX_TOKENS}
    for name, value in given.items():
        if name not in _KEPT:
            raise BadInput(f"{name[:60]}: there is no such option.")
        if value is not None:
            options[name] = _checked(name, value)
    return Request("", (), **options)


def _checked(name: str, value: Any) -> Any:
    right_kind: bool = isinstance(value, _KINDS[name]) and not isinstance(value, bool)
    if not right_kind:
        raise BadInput(f"{name}: a value of another kind is wanted.")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise BadInput(f"{name}: one of {', '.join(_CHOICES[name])} is wanted.")
    if name in _RANGES:
        low, high = _RANGES[name]
        if not low <= value <= high:
            raise BadInput(f"{name}: a number from {low} to {high} is wanted.")
    if name == "json_schema" and _is_too_deep(value):
        raise BadInput(f"json_schema: more than {MOST_NESTED} levels cannot be sent.")
    return _stops(value) if name == "stop" else value


def _stops(words: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(word, str) and 0 < len(word) <= 200 for word in words):
        raise BadInput("stop: texts are wanted, none of them empty or very long.")
    if len(words) > MOST_STOPS:
        raise BadInput(f"stop: at most {MOST_STOPS} texts are wanted.")
    return tuple(words)


def _is_too_deep(schema: dict[str, Any]) -> bool:
    level: list[Any] = [schema]
    for _ in range(MOST_NESTED):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return False
    return True


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
