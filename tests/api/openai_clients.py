"""The real clients that are pointed at this server, and the raw events it sends."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from huggingface_hub import InferenceClient

from tests.api.conftest import PASSWORD, Api
from tests.unit.builders import OLLAMA

COMPLETIONS = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "one two three"}]
PDF = b"%PDF-1.7 the fake does not look inside"
SCHEMA = {"type": "object", "properties": {"fruit": {"type": "string"}}, "required": ["fruit"]}


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def hugging_face_client(api: Api) -> InferenceClient:
    return InferenceClient(base_url=f"{api.base_url}v1", api_key=PASSWORD, timeout=30)


def chunks_of(api: Api, prompt: str, **fields: Any) -> Iterator[Any]:
    """The data of each event, decoded but for the end mark."""
    body = {"messages": said(prompt), "stream": True, **fields}
    with api.stream("POST", COMPLETIONS, json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line:
                name, _, data = line.partition(": ")
                assert name == "data"
                yield data if data == "[DONE]" else json.loads(data)


def error_of(answer: Any) -> dict[str, Any]:
    """The error of an answer, which must be in OpenAI's shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return dict(body["error"])


def data_uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def seen(url: Any, text: str = "what is this") -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": url}]
    return [{"role": "user", "content": parts}]


def part(kind: str, content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, kind: content}]}]


def ask(api: Api, **body: Any) -> Any:
    return send(api, json.dumps({"model": OLLAMA, "messages": HELLO, **body}))


def send(api: Api, raw: str | bytes) -> Any:
    return api.post(COMPLETIONS, content=raw, headers={"content-type": "application/json"})
