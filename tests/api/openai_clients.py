"""The real clients that are pointed at this server, and the raw events it sends."""

import json
from collections.abc import Iterator
from typing import Any

import openai
from huggingface_hub import InferenceClient

from tests.api.conftest import PASSWORD, Api

COMPLETIONS = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "one two three"}]


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def openai_client(api: Api, **options: Any) -> openai.OpenAI:
    """The official client, which repeats nothing unless it is told to."""
    given = {"api_key": PASSWORD, "max_retries": 0, "timeout": 30, **options}
    return openai.OpenAI(base_url=f"{api.base_url}v1", **given)


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
