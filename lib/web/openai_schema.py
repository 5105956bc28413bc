"""How the documentation draws OpenAI's dialect, as far as it is honoured here."""

from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field

from lib.core.chat import MAX_TOKENS
from lib.core.errors import BadInput, BlockedUrl, ModelMissing
from lib.core.options import MOST_STOPS
from lib.web.openai_errors import openai_error
from lib.web.openai_messages import MOST_MESSAGES
from lib.web.openai_request import EFFORTS, NOT_HONOURED
from lib.web.openai_shapes import FinishReason
from lib.web.openapi import ASKING, events, problems
from lib.web.shapes import MOST_TOKENS, ReceiptShape


class ModelShape(BaseModel):
    id: str
    object: Literal["model"]
    created: int = Field(description="When this server began to offer it; seconds since 1970")
    owned_by: str = Field(description="The provider")


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelShape]


class CachedTokens(BaseModel):
    cached_tokens: int | None


class ReasoningTokens(BaseModel):
    reasoning_tokens: int | None


class CompletionUsage(BaseModel):
    """Totals include their parts; null is «the server did not say»."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class AnswerMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None
    reasoning_content: str | None = Field(None, description="What the model thought, if it tells")


class CompletionChoice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: None
    finish_reason: FinishReason = Field(
        description="`length` also for an answer that broke off; `receipt.finish` tells them apart"
    )


class Completion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage | None
    receipt: ReceiptShape = Field(description="Beside OpenAI's fields, as in /api/chat")


class OpenAIErrorFields(BaseModel):
    message: str
    type: str
    param: str | None = Field(None, description="The field that is wrong")
    code: str


class OpenAIErrorShape(BaseModel):
    error: OpenAIErrorFields


_problems = partial(problems, shape=OpenAIErrorShape, written=openai_error)
PROBLEMS = _problems(BadInput, ModelMissing)
ANSWERS = _problems(*ASKING, BlockedUrl) | {
    200: {
        "model": Completion,
        "description": "The answer; with `stream` in chunks, until `data: [DONE]` or an error",
        "content": events(description="A chat.completion.chunk as JSON; an error; [DONE]"),
    }
}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _part(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return _object(f"type {kind}", type={"const": kind}, **{kind: content})


def _message(roles: list[str], content: dict[str, Any], required: str) -> dict[str, Any]:
    return _object(required, role={"enum": roles}, content=content)


def _texts(*parts: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """A text, or a list of such parts."""
    items = {"anyOf": list(parts)}
    return {
        "anyOf": [
            {"type": "string", "minLength": least},
            {"type": "array", "minItems": least, "items": items},
        ]
    }


_TEXT = _part("text", {"type": "string"})
_PICTURE = {
    "type": "string",
    "pattern": "^(data:|https?://)",
    "description": "A data URI, or a public address; PNG, JPEG, WebP or GIF",
}
_FILES = (
    _part("image_url", _object("url", url=_PICTURE)),
    _part("input_audio", _object("data", data={"type": "string", "contentEncoding": "base64"})),
    _part("file", _object("file_data", file_data={"type": "string", "pattern": "^data:"})),
)
_MESSAGE = {
    "anyOf": [
        _message(["system", "developer"], _texts(_TEXT), "role content"),
        _message(["user"], _texts(_TEXT, *_FILES, least=1), "role content"),
        _message(["assistant"], _or_null(_texts(_TEXT)), "role"),
    ]
}
_FORMAT = {
    "anyOf": [
        _object("type", type={"enum": ["text", "json_object"]}),
        _part("json_schema", _object("", schema=_or_null({"type": "object"}))),
    ]
}
_STOP = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 200},
        {
            "type": "array",
            "maxItems": MOST_STOPS,
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
        },
    ]
}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "default": MAX_TOKENS}
_OPTIONAL: dict[str, dict[str, Any]] = {
    "model": {"type": "string", "description": "An id of /v1/models; without one the default"},
    "max_tokens": _LIMIT,
    "max_completion_tokens": _LIMIT,
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "minimum": 0.01, "maximum": 1},
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "stop": _STOP,
    "reasoning_effort": {"enum": list(EFFORTS)},
    "response_format": _FORMAT,
    "stream": {"type": "boolean", "default": False},
    "stream_options": _object("", include_usage=_or_null({"type": "boolean"})),
    **{name: {"enum": list(neutral)} for name, neutral in NOT_HONOURED.items() if neutral},
}
_EXAMPLE = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Name three fruits."},
    ],
    "max_tokens": 100,
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _object(
                    "messages",
                    messages={
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST_MESSAGES,
                        "items": _MESSAGE,
                        "description": "The last one is the user's",
                    },
                    **{name: _or_null(schema) for name, schema in _OPTIONAL.items()},
                ),
                "example": _EXAMPLE,
            }
        },
    }
}
