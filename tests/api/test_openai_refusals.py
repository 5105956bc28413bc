"""Bodies of /api/v1 that cannot be honoured: refused by name, never left out in silence."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.openai_clients import (
    HELLO,
    PDF,
    SCHEMA,
    ask,
    data_uri,
    error_of,
    part,
    said,
    seen,
    send,
)
from tests.api.pictures import picture
from tests.fakes import FakeServer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("functions", [{"name": "f"}]),
        ("tool_choice", "required"),
        ("logprobs", True),
        ("top_logprobs", 5),
        ("n", 2),
        ("n", True),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("logit_bias", {"50256": -100}),
        ("web_search_options", {}),
        ("service_tier", "flex"),
        ("guided_json", SCHEMA),
    ],
)
def test_what_would_change_the_answer_is_refused(
    api: Api, fake: FakeServer, field: str, value: Any
) -> None:
    """Nothing is silently ignored that the caller relies on; the error names the field."""
    before = len(fake.asked)
    answer = ask(api, **{field: value})

    assert (answer.status_code, error_of(answer)["code"]) == (422, "unsupported")
    assert error_of(answer)["param"] == field
    assert len(fake.asked) == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [5]}, "messages.0"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": said("\ud800")}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": []}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0.type"),
        ({"messages": part("text", 5)}, "messages.0.content.0.text"),
        ({"messages": part("image_url", 5)}, "messages.0.content.0.image_url"),
        ({"messages": part("image_url", {})}, "messages.0.content.0.image_url.url"),
        ({"messages": part("input_audio", {"data": "!"})}, "messages.0.content.0.input_audio"),
        (
            {"messages": seen({"url": "data:image/png;base64,"})},
            "messages.0.content.1.image_url",
        ),
        ({"messages": seen({"url": data_uri(PDF)})}, "messages.0.content.1.image_url"),
        ({"model": 5}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": "high"}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"stop": ["a", 5]}, "stop.1"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": "\ud800"}, "stop.0"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_object", "value": [5]}}, "response_format.schema"),
    ],
)
def test_bad_input_names_the_field(api: Api, body: dict[str, Any], param: str) -> None:
    """A wrong field is 422, and `param` says which."""
    answer = ask(api, **body)

    assert (answer.status_code, error_of(answer)["code"]) == (422, "bad_input")
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "messages.0"),
        ([{"role": "assistant", "tool_calls": [{"id": "1"}]}, *HELLO], "messages.0"),
        (part("video_url", {"url": "x"}), "messages.0.content.0.type"),
        (part("file", {"file_id": "file-1"}), "messages.0.content.0.file.file_id"),
        ([{**seen({"url": data_uri(picture())})[0], "role": "system"}], "messages.0.content"),
    ],
)
def test_messages_that_cannot_be_passed_on_are_refused(
    api: Api, messages: list[dict[str, Any]], param: str
) -> None:
    """Tools and files in the wrong place are unsupported, not forgotten."""
    answer = ask(api, messages=messages)

    assert (answer.status_code, error_of(answer)["code"]) == (422, "unsupported")
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        b"",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}',
        b'{"messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 5000 + b"}",
        b'{"messages":[{"role":"user","content":"x"}],"response_format":'
        b'{"type":"json_schema","json_schema":{"schema":{"maximum":1e999}}}}',
        b'{"messages":[{"role":"user","content":"x"}],"response_format":'
        b'{"type":"json_schema","json_schema":{"schema":'
        + b'{"items":' * 100 + b"{}" + b"}" * 103,
    ],
)  # fmt: skip
def test_nonsense_is_bad_input(api: Api, raw: bytes) -> None:
    """No body, however odd, makes the server fail."""
    answer = send(api, raw)

    assert (answer.status_code, error_of(answer)["code"]) == (422, "bad_input")
