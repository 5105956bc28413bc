"""Our requests as messages of the retired google-generativeai, and how it is imported."""

import threading
import warnings
from typing import Any

from lib.core.chat import Message, Request
from lib.core.errors import NotConfigured, Unsupported
from lib.providers.gemini_wire import mime

_IMPORT_LOCK = threading.Lock()


def sdk() -> Any:
    """The package, without the farewell it prints at import; takes about a second at first."""
    with _IMPORT_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            import google.generativeai as package
        except ImportError as error:
            raise NotConfigured(
                "The package google-generativeai is not installed.",
                hint="pip install google-generativeai, or set GEMINI_SDK=google-genai.",
            ) from error
    return package


def as_protos(request: Request) -> Any:
    protos = sdk().protos
    config: dict[str, Any] = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop_sequences": list(request.stop) or None,
    }
    if schema := _asked(request):
        config |= {"response_mime_type": mime(request), "response_schema": _sayable(schema)}
    system = {"parts": [{"text": request.system}]} if request.system else None
    return protos.GenerateContentRequest(
        model=f"models/{request.model}",
        contents=[_content(message) for message in request.messages],
        generation_config={name: value for name, value in config.items() if value is not None},
        system_instruction=system,
    )


def as_count(request: Request) -> Any:
    """The question how many tokens a request is."""
    whole = as_protos(request)
    return sdk().protos.CountTokensRequest(model=whole.model, generate_content_request=whole)


def _asked(request: Request) -> dict[str, Any] | None:
    if request.choices:
        return {"type": "string", "enum": list(request.choices)}
    return request.json_schema


def _content(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"inline_data": {"mime_type": media.mime, "data": media.data}} for media in message.media
    ]
    if message.text or not parts:
        parts.append({"text": message.text})
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _sayable(schema: dict[str, Any]) -> Any:
    """The schema as a message; Unsupported where the old protocol has no words for its shape."""
    try:
        return sdk().protos.Schema(_schema(schema))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unsupported(
            "json_schema: the retired SDK google-generativeai cannot say this schema.",
            hint="Set GEMINI_SDK=google-genai, or use types, properties, items and enums only.",
        ) from error


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema in the OpenAPI subset the old protocol knows: only strings have an enum.

    Bounds it has no field for are left out; ValueError for what would change the shape.
    """
    kind, nullable = _kind(schema)
    ours: dict[str, Any] = {"type_": kind, "nullable": nullable}
    for name in ("required", "description", *(["enum"] if kind == "STRING" else [])):
        if name in schema:
            ours[name] = schema[name]
    for name, bound in (("min_items", "minItems"), ("max_items", "maxItems")):
        if bound in schema:
            ours[name] = schema[bound]
    if "properties" in schema:
        ours["properties"] = {name: _schema(part) for name, part in schema["properties"].items()}
    if "items" in schema:
        ours["items"] = _schema(schema["items"])
    return ours


def _kind(schema: dict[str, Any]) -> tuple[str, bool]:
    """The one type, and whether null may stand in its place."""
    if other := {"$ref", "anyOf", "oneOf", "allOf"} & set(schema):
        raise ValueError(f"{min(other)} has no field")
    kinds = schema.get("type", "string" if "enum" in schema else "object")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    named = [str(kind).upper() for kind in kinds if kind != "null"]
    if len(named) != 1:
        raise ValueError("one type is wanted")
    return named[0], "null" in kinds
