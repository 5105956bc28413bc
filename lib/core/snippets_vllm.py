"""A request to vLLM, or another OpenAI-compatible server, as code: openai's client, and curl."""

from collections.abc import Callable
from typing import Any

from lib.core.chat import Media, Message, Request
from lib.core.snippets_source import (
    Code,
    call,
    comments,
    curl,
    file_names,
    given,
    program,
    python,
    quoted,
    reads,
    shell_base64,
)
from lib.core.thinking import named_levels

_KEY = "YOUR_VLLM_API_KEY"
_BASE64 = """
def base64_of(name: str) -> str:
    return base64.b64encode(Path(name).read_bytes()).decode()
"""
_LOOP = """\
usage = None
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    usage = chunk.usage or usage
print()
print(usage)"""

# The base64 of a file, by its name, with a text before it.
Write = Callable[[str, str], Code]


def vllm(request: Request, base: str) -> dict[str, str]:
    """Both sources; `base` ends in /v1."""
    key = f"Authorization: Bearer {_KEY}"
    body = {**_fields(request), **_thinking(request), "messages": _messages(request, shell_base64)}
    notes = comments(*reads(request))
    return {
        "Python (openai)": _sdk(request, base),
        "curl": curl(notes, f"{base}/chat/completions", key, body),
    }


def _sdk(request: Request, base: str) -> str:
    files = file_names(request)
    extra = given(extra_body=_thinking(request) or None)
    arguments = {**_fields(request), **extra, "messages": Code("messages")}
    return program(
        comments("pip install openai", *reads(request)),
        "import base64\nfrom pathlib import Path" if files else "",
        "from openai import OpenAI",
        _BASE64 if files else "",
        call("client = OpenAI", base_url=base, api_key=_KEY),
        f"messages = {python(_messages(request, _python_base64))}",
        call("stream = client.chat.completions.create", **arguments),
        _LOOP,
    )


def _thinking(request: Request) -> dict[str, Any]:
    if request.thinking is None:
        return {}
    if named_levels(request.model) and request.thinking != "off":
        return {"reasoning_effort": request.thinking}
    return {"chat_template_kwargs": {"enable_thinking": request.thinking != "off"}}


def _fields(request: Request) -> dict[str, Any]:
    """All fields but the messages, which keep their place among them."""
    schema = request.json_schema
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return given(
        model=request.model,
        messages=[],
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=list(request.stop) or None,
        response_format=None if schema is None else form,
        stream=True,
        stream_options={"include_usage": True},
    )


def _messages(request: Request, write: Write) -> list[dict[str, Any]]:
    names = file_names(request)

    def said(message: Message) -> dict[str, Any]:
        if not message.media:
            return {"role": message.role, "content": message.text}
        text = [{"type": "text", "text": message.text}] if message.text else []
        parts = [_part(media, names[media], write) for media in message.media]
        return {"role": message.role, "content": [*parts, *text]}

    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *map(said, request.messages)]


def _part(media: Media, name: str, write: Write) -> dict[str, Any]:
    if media.modality == "audio":
        sound = {"data": write(name, ""), "format": media.mime.partition("/")[2]}
        return {"type": "input_audio", "input_audio": sound}
    kind = f"{media.modality}_url"
    return {"type": kind, kind: {"url": write(name, f"data:{media.mime};base64,")}}


def _python_base64(name: str, before: str) -> Code:
    value = f"base64_of({quoted(name)})"
    return Code(f"{quoted(before)} + {value}" if before else value)
