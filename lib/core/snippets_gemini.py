"""A request to Gemini as code: google-genai, and REST by curl."""

import re
from collections.abc import Callable
from typing import Any

from lib.core.chat import Message, Request
from lib.core.snippets_source import (
    Code,
    call,
    comments,
    curl,
    file_names,
    given,
    program,
    python,
    python_bytes,
    reads,
    shell_base64,
)

GOOGLE = "https://generativelanguage.googleapis.com"
_KEY = "YOUR_GOOGLE_API_KEY"
_LEVELS = {"off": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_LOOP = """\
usage = None
for chunk in stream:
    print(chunk.text or "", end="", flush=True)
    usage = chunk.usage_metadata or usage
print()
print(usage)"""


def gemini(request: Request, base: str | None) -> dict[str, str]:
    """Both sources; `base` None is Google's own address."""
    return {
        "Python (google-genai)": _sdk(request, base),
        "curl": _rest(request, base or GOOGLE),
    }


def _sdk(request: Request, base: str | None) -> str:
    system = given(system_instruction=request.system or None)
    options = given(api_key=_KEY, http_options=base and {"base_url": base})
    return program(
        comments("pip install google-genai", *reads(request)),
        "from pathlib import Path" if file_names(request) else "",
        "from google import genai",
        call("client = genai.Client", **options),
        f"contents = {python(_contents(request, python_bytes))}",
        f"config = {python(system | _config(request))}",
        call(
            "stream = client.models.generate_content_stream",
            model=request.model,
            contents=Code("contents"),
            config=Code("config"),
        ),
        _LOOP,
    )


def _rest(request: Request, base: str) -> str:
    system = {"parts": [{"text": request.system}]} if request.system else None
    config = _config(request)
    if "thinking_config" in config:
        config["thinking_config"] = _camel(config["thinking_config"])
    body = given(
        contents=_contents(request, shell_base64),
        system_instruction=system,
        generationConfig=_camel(config),
    )
    url = f"{base}/v1beta/models/{_in_url(request.model)}:streamGenerateContent?alt=sse"
    return curl(comments(*reads(request)), url, f"x-goog-api-key: {_KEY}", body)


def _config(request: Request) -> dict[str, Any]:
    """generationConfig in the SDK's names; REST has the same ones in camelCase."""
    resolution = request.media_resolution
    return given(
        max_output_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop_sequences=list(request.stop) or None,
        response_mime_type="application/json" if request.json_schema else None,
        response_json_schema=request.json_schema,
        thinking_config=_thinking(request),
        media_resolution=resolution and f"MEDIA_RESOLUTION_{resolution.upper()}",
    )


def _thinking(request: Request) -> dict[str, Any] | None:
    if request.thinking is None:
        return None
    off = request.thinking == "off"
    if request.model.startswith("gemini-2.5"):  # levels came with Gemini 3
        return {"thinking_budget": 0 if off else -1}
    return {"thinking_level": _LEVELS[request.thinking], "include_thoughts": not off}


def _contents(request: Request, write: Callable[[str], Code]) -> list[dict[str, Any]]:
    names = file_names(request)

    def content(message: Message) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [
            {"inline_data": {"mime_type": media.mime, "data": write(names[media])}}
            for media in message.media
        ]
        if message.text or not parts:
            parts.append({"text": message.text})
        return {"role": "model" if message.role == "assistant" else "user", "parts": parts}

    return [content(message) for message in request.messages]


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("_(.)", lambda m: m[1].upper(), name): fields[name] for name in fields}


def _in_url(name: str) -> str:
    """A model's name as one step of a path; anything odd in it as percent and bytes."""

    def percent(odd: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in odd[0].encode(errors="replace"))

    return re.sub("[^A-Za-z0-9._-]", percent, name)
