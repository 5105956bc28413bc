"""A body of OpenAI's chat completions as our own request.

What would change the answer and cannot be passed on is refused by name; what is null, neutral or
unknown to us is left aside, since real clients send much of that by themselves.
"""

import json
from dataclasses import dataclass
from typing import Any

from lib.core.chat import ModelInfo, Request, Thinking
from lib.core.errors import BadInput, Unsupported
from lib.core.options import from_fields
from lib.web.openai_messages import Said, object_of, read_messages, text_of

# Fields of OpenAI and its look-alikes that nobody honours here, and values that say nothing.
NOT_HONOURED: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "best_of": (1,),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "guided_choice": (),
    "guided_grammar": (),
    "guided_json": (),
    "guided_regex": (),
    "logit_bias": ({},),
    "logprobs": (False,),
    "min_p": (0,),
    "modalities": (["text"],),
    "moderation": (),
    "n": (1,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "service_tier": ("auto", "default"),
    "structured_outputs": (),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_k": (-1, 0),
    "top_logprobs": (0,),
    "web_search_options": (),
}
EFFORTS: dict[str, Thinking] = {
    "none": "off", "minimal": "low", "low": "low", "medium": "medium", "high": "high",
    "xhigh": "high", "max": "high",
}  # fmt: skip
NO_CHOICE = ("", "dummy")  # huggingface_hub sends the second when no model was chosen
_SAME_NAMES = ("temperature", "top_p", "seed")
_ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked body; `options` has no messages yet, since their files are still to be read."""

    model: str | None
    said: tuple[Said, ...]
    options: Request
    stream: bool
    include_usage: bool

    @property
    def has_files(self) -> bool:
        return any(one.files for one in self.said)


def parse(decoded: Any) -> Asked:
    """The fields of a decoded body; BadInput or Unsupported names the first one that is wrong."""
    body = object_of(decoded, "body")
    _refuse_what_is_not_honoured(body)
    model = body.get("model")
    if model is not None and text_of(model, "model") in NO_CHOICE:
        model = None
    system, said = read_messages(body.get("messages"))
    options = body.get("stream_options")
    told = {} if options is None else object_of(options, "stream_options")
    return Asked(
        model=model,
        said=said,
        options=from_fields({"system": system, **_options(body)}),
        stream=_flag(body, "stream", "stream"),
        include_usage=_flag(told, "include_usage", "stream_options.include_usage"),
    )


def thinking_for(info: ModelInfo, wanted: Thinking | None) -> Thinking | None:
    """The level as the model can be told it; one that only thinks or not thinks at any effort."""
    if wanted in (None, "off") or wanted in info.thinking:
        return wanted
    return "high" if "high" in info.thinking else None


def _refuse_what_is_not_honoured(body: dict[str, Any]) -> None:
    for field, neutral in NOT_HONOURED.items():
        value = body.get(field)
        if value is not None and not any(_same(value, one) for one in neutral):
            raise Unsupported(
                f"{field}: this server cannot pass that on.",
                "Leave the field out, or ask the provider itself.",
            )


def _same(value: Any, neutral: Any) -> bool:
    """Equal, and not by True being 1."""
    return isinstance(value, bool) == isinstance(neutral, bool) and bool(value == neutral)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    """The options under our names; those that were not given are None."""
    stop = body.get("stop")
    words = [stop] if isinstance(stop, str) else stop
    for i, word in enumerate(words if isinstance(words, list) else []):
        text_of(word, f"stop.{i}")
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"))
    return {
        "max_tokens": next((limit for limit in limits if limit is not None), None),
        "stop": words,
        "thinking": _effort(body.get("reasoning_effort")),
        "json_schema": _schema(body.get("response_format")),
        **{name: body.get(name) for name in _SAME_NAMES},
    }


def _effort(value: Any) -> Thinking | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in EFFORTS:
        raise BadInput(f"reasoning_effort: one of {', '.join(EFFORTS)} is wanted.")
    return EFFORTS[value]


def _schema(value: Any) -> dict[str, Any] | None:
    """The JSON schema an answer is held to; for `json_object` any object will do."""
    if value is None:
        return None
    field = "response_format"
    wanted = object_of(value, field)
    match wanted.get("type"):
        case "text":
            return None
        case "json_object":
            schema = wanted.get("value")  # where huggingface_hub puts the schema
        case "json_schema":
            field = "response_format.json_schema"
            schema = object_of(wanted.get("json_schema"), field).get("schema")
        case _:
            raise Unsupported(
                "response_format.type: one of text, json_object, json_schema is wanted.",
                "Leave the field out for plain text.",
            )
    return _sendable(_ANY_OBJECT if schema is None else schema, f"{field}.schema")


def _sendable(schema: Any, field: str) -> dict[str, Any]:
    """The schema, if it can be written as JSON again; NaN and half a character cannot."""
    try:
        json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadInput(f"{field}: this cannot be sent on as JSON.") from None
    return object_of(schema, field) or _ANY_OBJECT


def _flag(fields: dict[str, Any], name: str, field: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadInput(f"{field}: true or false is wanted.")
    return bool(value)
