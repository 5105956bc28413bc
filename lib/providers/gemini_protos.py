"""Our requests as messages of the retired google-generativeai, and how it is imported."""

import threading
import warnings
from typing import Any

from lib.core.chat import Message, Request
from lib.core.errors import NotConfigured
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
        config |= {"response_mime_type": mime(request), "response_schema": _schema(schema)}
    system = {"parts": [{"text": request.system}]} if request.system else None
    return protos.GenerateContentRequest(
        model=f"models/{request.model}",
        contents=[_content(message) for message in request.messages],
        generation_config={name: value for name, value in config.items() if value is not None},
        system_instruction=system,
    )


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


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema in the OpenAPI subset the old protocol knows: only strings have an enum."""
    kind = str(schema.get("type", "object")).upper()
    ours: dict[str, Any] = {"type_": kind}
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
