"""What /api/openapi.json says beside the routes: the login, the errors, an example of each call."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lib.core import errors
from lib.core.errors import AppError
from lib.web.errors import Forbidden, error_body, error_headers
from lib.web.shapes import EVENTS, ErrorShape

Fields = dict[str, Any]
Responses = dict[int | str, Fields]

ABOUT = """Ask a model, classify a file, estimate a bill, read what was spent.

Log in with the header `Authorization: Bearer <APP_PASSWORD>`; a browser that is logged in to the
pages needs nothing more. Whatever goes wrong is answered in one shape: `code` is for programs,
`message` names the field, `hint` says the next step. Of a key given twice in a JSON object the last
counts; query parameters nobody knows are ignored; a `GET` call answers `HEAD` too.

What is no call at all is refused in the same shape: 400 or 421 for a wrong `Host`, 404 for an
unknown path, 405 with `Allow` for a wrong method, 408 for a body that dribbles in.
"""
TAGS = {
    "Models": "What there is to ask, and what it costs.",
    "Chat": "One answer of one model, whole or as it is written.",
    "Classify": "A few texts, labelled while you wait.",
    "Jobs": "A file's rows, labelled in the background.",
    "Estimate": "The bill of an API against that of a rented GPU.",
    "Speed": "How fast a model reads and writes, measured here.",
    "Usage": "What was asked and spent so far.",
    "OpenAI dialect": "For OpenAI clients: their base URL is this server's `/api/v1`.",
}
# What each error says, for the examples; any call may be answered with those of the first part.
_ANY: dict[type[AppError], str] = {
    errors.Unauthorized: "This needs a login.",
    Forbidden: "This call comes from a page of another address.",
    errors.RateLimited: "Too many wrong tries from this address; wait 37 seconds.",
    errors.Busy: "This server has as much to do as it can carry.",
    errors.StorageFailed: "The database did not take it.",
}
_SAID = _ANY | {
    errors.BadInput: "max_tokens: Input should be greater than or equal to 1.",
    errors.TooLarge: "The body is larger than 20 MB.",
    errors.BlockedUrl: "image_url: this server must not fetch that address.",
    errors.Unsupported: "model: ollama/llama3.2:3b cannot read image input.",
    errors.NotFound: "There is no such job.",
    errors.NotConfigured: "GOOGLE_API_KEY is not set.",
    errors.OverBudget: "This call could cost more than the month's budget has left.",
    errors.AuthFailed: "The provider did not accept this server's key.",
    errors.ModelMissing: "There is no model nope.",
    errors.QuotaExhausted: "The provider's quota for today is used up.",
    errors.Refused: "gemini/gemini-3.1-flash-lite refused to answer this.",
    errors.TimedOut: "The model did not answer in time.",
    errors.Unreachable: "The model's server cannot be reached.",
    errors.BadReply: "The model's server answered with something that is no answer.",
}
BODY = (errors.BadInput, errors.TooLarge)
CHOICE = (errors.ModelMissing, errors.NotConfigured, errors.Unsupported)
ASKING = (
    *BODY, *CHOICE, errors.OverBudget, errors.AuthFailed, errors.RateLimited,
    errors.QuotaExhausted, errors.Refused, errors.TimedOut, errors.Unreachable, errors.BadReply,
)  # fmt: skip
_HEADERS = {
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"},
    "Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "description": "seconds"},
}
_EXAMPLES = Path(__file__).with_name("api_examples.json")


class Described(FastAPI):
    """A FastAPI whose description is complete: `_EXAMPLES` holds a request and an answer of every
    call by its operationId."""

    def openapi(self) -> Fields:
        if self.openapi_schema is None:
            spec = super().openapi()
            spec["security"] = [{"password": []}]
            spec["components"]["securitySchemes"] = {
                "password": {"type": "http", "scheme": "bearer", "description": "APP_PASSWORD"}
            }
            _, events = models_json_schema(
                [(shape, "serialization") for shape in EVENTS],
                ref_template="#/components/schemas/{model}",
            )
            spec["components"]["schemas"] |= events["$defs"]
            examples = json.loads(_EXAMPLES.read_text("utf-8"))
            for operation in operations(spec):
                _illustrate(operation, examples.get(operation["operationId"], {}))
                _without_fastapis(operation["responses"])
            for name in ("HTTPValidationError", "ValidationError"):
                spec["components"]["schemas"].pop(name, None)
        assert self.openapi_schema is not None
        return self.openapi_schema


def operations(spec: Fields) -> Iterator[Fields]:
    """Every call of a description."""
    for path in spec["paths"].values():
        yield from path.values()


def problems(
    *kinds: type[AppError],
    shape: type[BaseModel] = ErrorShape,
    written: Callable[[AppError], Fields] = error_body,
) -> Responses:
    """The `responses` of a route: these errors by status, and those that any call may have."""
    found: Responses = {}
    for kind in sorted({*_ANY, *kinds}, key=lambda kind: (kind.status, kind.code)):
        error = kind(_SAID[kind], retry_after_s=37 if kind.status == 429 else None)
        empty = {"model": shape, "content": {"application/json": {"examples": {}}}}
        one = found.setdefault(kind.status, empty)
        examples = one["content"]["application/json"]["examples"]
        examples[kind.code] = {"value": written(error)}
        one["description"] = " or ".join(examples)
        told = {name: _HEADERS[name] for name in error_headers(error) if name in _HEADERS}
        one.setdefault("headers", {}).update(told)
    return found


def answer(shape: type[BaseModel], status: int = 200) -> Responses:
    """The `responses` of a route that answers with this JSON."""
    return {status: {"model": shape}}


def body(schema: Fields, kind: str = "application/json", **media: Any) -> Fields:
    """The `openapi_extra` of a route that reads its body itself; `media` go beside the schema."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema, **media}}}}


def events(**data: Any) -> Fields:
    """The content of a stream of server-sent events; `data` describes the text each carries."""
    text = {"type": "string", **data}
    item = {"type": "object", "required": ["data"], "properties": {"data": text}}
    return {"text/event-stream": {"itemSchema": item}}


def closed(properties: Fields, *required: str, **more: Any) -> Fields:
    """The schema of an object that may have no other properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def or_null(schema: Fields) -> Fields:
    """The schema of a field that may also be null, which is as if it were left out."""
    return {**schema, "type": [schema["type"], "null"]}


def _illustrate(operation: Fields, example: Fields) -> None:
    """Put an example in its places: {body, form, parameters, answers by media type}."""
    content = operation.get("requestBody", {}).get("content", {})
    for kind, name in (("application/json", "body"), ("multipart/form-data", "form")):
        if kind in content and name in example:
            content[kind]["example"] = example[name]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example.get("parameters", {}):
            parameter["example"] = example["parameters"][parameter["name"]]
    good = next(found for status, found in operation["responses"].items() if status < "300")
    for kind, shown in example.get("answer", {}).items():
        good["content"][kind]["example"] = shown


def _without_fastapis(responses: Fields) -> None:
    """Take FastAPI's own error out, which is never sent; calls whose parameters cannot be wrong
    would have it."""
    shape = responses.get("422", {}).get("content", {}).get("application/json", {})
    if shape.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
