"""What a body of /api/v1 may hold: what is passed on, what is left aside, what is refused."""

import base64
import io
import socket
import threading
import time
from typing import Any

import pytest
from PIL import Image

from lib.core.chat import ModelInfo, Thinking
from lib.web.openai_request import thinking_for
from tests.api.conftest import Api, openai_client
from tests.api.openai_clients import (
    PDF,
    SCHEMA,
    ask,
    data_uri,
    error_of,
    part,
    said,
    seen,
)
from tests.api.pictures import picture
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, GEMINI, OLLAMA, TEXT_ONLY

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt the fake does not look inside"


def test_the_options_reach_the_model(api: Api, fake: FakeServer) -> None:
    """Each under the provider's own name; a single stop text is a list of one."""
    options = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": "END", "max_tokens": 9}
    assert ask(api, **options).status_code == 200

    sent = fake.asked[-1].body["options"]
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.5, 0.9, 7)
    assert (sent["stop"], sent["num_predict"]) == (["END"], 9)


def test_the_newer_limit_wins(api: Api, fake: FakeServer) -> None:
    """`max_tokens` is OpenAI's old name; some clients send both."""
    assert ask(api, max_tokens=9, max_completion_tokens=8).status_code == 200

    assert fake.asked[-1].body["options"]["num_predict"] == 8


def test_a_conversation_goes_along(api: Api, fake: FakeServer) -> None:
    """System and developer messages are the system prompt; parts of text are one text."""
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
        {"role": "user", "content": "first", "name": "Ann"},
        {"role": "assistant", "content": "second", "tool_calls": None, "refusal": None},
        {"role": "assistant", "content": None},
        {"role": "user", "content": [{"type": "text", "text": "third"}]},
    ]
    answer = ask(api, messages=messages).json()

    sent = fake.asked[-1].body["messages"]
    assert answer["choices"][0]["message"]["content"] == "third"
    assert [(m["role"], m["content"]) for m in sent] == [
        ("system", "be brief\n\nbe kind"),
        ("user", "first"),
        ("assistant", "second"),
        ("user", "third"),
    ]


def test_a_system_prompt_alone_is_asked(api: Api, fake: FakeServer) -> None:
    """As OpenAI does; our models are asked by a user."""
    assert ask(api, messages=[{"role": "system", "content": "say hi"}]).status_code == 200

    assert [m["role"] for m in fake.asked[-1].body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("effort", "model", "sent"),
    [
        ("low", GEMINI, "LOW"),
        ("none", GEMINI, "MINIMAL"),
        ("xhigh", GEMINI, "HIGH"),
    ],
)
def test_the_effort_is_the_level_of_thinking(
    api: Api, fake: FakeServer, effort: str, model: str, sent: str
) -> None:
    """OpenAI's words, the model's level."""
    assert ask(api, model=model, reasoning_effort=effort).status_code == 200

    asked = str(fake.asked[-1].body)
    assert f"'thinkingLevel': '{sent}'" in asked or f"'thinking_level': '{sent}'" in asked


def test_an_effort_a_model_cannot_make_is_left_aside(api: Api, fake: FakeServer) -> None:
    """Clients send it to every model."""
    assert ask(api, model=TEXT_ONLY, reasoning_effort="high").status_code == 200

    assert fake.asked[-1].body.get("think") is None


@pytest.mark.parametrize(
    ("levels", "wanted", "told"),
    [
        (("off", "high"), "low", "high"),
        (("off", "high"), "off", "off"),
        (("low", "medium", "high"), "medium", "medium"),
        ((), "high", None),
        (("off", "high"), None, None),
    ],
)
def test_any_effort_is_on_for_a_model_without_levels(
    levels: tuple[Thinking, ...], wanted: Thinking | None, told: Thinking | None
) -> None:
    """A model that only thinks or does not is told to, whatever effort was asked for."""
    assert thinking_for(ModelInfo("vllm", "x", thinking=levels), wanted) == told


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
        {"type": "json_object", "value": SCHEMA},  # as huggingface_hub writes the first
    ],
)
@EVERYONE
def test_an_answer_is_held_to_a_schema(api: Api, model: str, wanted: dict[str, Any]) -> None:
    """The answer is JSON that fits it."""
    answer = ask(api, model=model, messages=said("apple"), response_format=wanted).json()

    assert answer["choices"][0]["message"]["content"] == '{"fruit": "apple"}'


def test_any_object_will_do(api: Api, fake: FakeServer) -> None:
    """`json_object` without a schema asks for some object."""
    assert ask(api, response_format={"type": "json_object"}).status_code == 200

    assert fake.asked[-1].body["format"] == {"type": "object"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_comes_as_a_data_uri(api: Api, fake: FakeServer, kind: str) -> None:
    """The official client sends it in a part; the model gets what it can read."""
    with openai_client(api) as client:
        messages: Any = seen({"url": data_uri(picture(kind)), "detail": "auto"})
        answer = client.chat.completions.create(model=OLLAMA, messages=messages)

    sent = base64.b64decode(fake.asked[-1].body["messages"][-1]["images"][0])
    assert answer.choices[0].message.content == "what is this"
    assert Image.open(io.BytesIO(sent)).format == {"GIF": "PNG"}.get(kind, kind)


def test_a_picture_may_stand_in_the_part_itself(api: Api) -> None:
    """Older clients write no object around the address."""
    assert ask(api, messages=seen(data_uri(picture()))).status_code == 200


def test_sound_and_pdf_go_to_a_model_that_reads_them(api: Api, fake: FakeServer) -> None:
    """They are told by their content, whatever the client calls them."""
    sound = {"data": base64.b64encode(WAV).decode(), "format": "mp3"}
    paper = {"file_data": data_uri(PDF, "application/octet-stream"), "filename": "a.pdf"}

    assert ask(api, model=GEMINI, messages=part("input_audio", sound)).status_code == 200
    assert "audio/wav" in str(fake.asked[-1].body)
    assert ask(api, model=GEMINI, messages=part("file", paper)).status_code == 200
    assert "application/pdf" in str(fake.asked[-1].body)


def test_a_model_that_cannot_see_says_so(api: Api, fake: FakeServer) -> None:
    """Refused before anything is sent, with models that can."""
    before = len(fake.asked)
    answer = ask(api, model=TEXT_ONLY, messages=seen({"url": data_uri(picture())}))

    assert (answer.status_code, error_of(answer)["code"]) == (422, "unsupported")
    assert OLLAMA in error_of(answer)["message"]
    assert len(fake.asked) == before


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "http://169.254.169.254/", "file:///etc/passwd", "a.png"]
)
def test_addresses_that_are_not_public_are_blocked(api: Api, url: str) -> None:
    """The dialect is no way around the safe fetch."""
    answer = ask(api, messages=seen({"url": url}))

    assert (answer.status_code, error_of(answer)["code"]) == (422, "blocked_url")


@pytest.mark.parametrize(
    "harmless",
    [
        dict.fromkeys(("temperature", "top_p", "seed", "stop", "max_tokens", "stream", "model")),
        dict.fromkeys(("tools", "n", "logprobs", "response_format", "stream_options", "user")),
        {"n": 1, "logprobs": False, "logit_bias": {}, "presence_penalty": 0.0, "tools": []},
        {"user": "ann", "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True},
        {"service_tier": "auto", "tool_choice": "auto", "modalities": ["text"], "top_k": -1},
        {"prompt_cache_key": "x", "safety_identifier": "y", "chat_id": "of Open WebUI"},
        {"response_format": {"type": "text"}, "stream_options": {"include_usage": True}},
    ],
)
def test_what_says_nothing_is_left_aside(api: Api, harmless: dict[str, Any]) -> None:
    """Real clients send null, neutral and unknown fields by themselves."""
    assert ask(api, **harmless).status_code == 200


def test_slow_pictures_do_not_hold_up_texts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that takes long to resolve keeps only others waiting who want a picture, too."""
    resolve = socket.getaddrinfo

    def slow(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "slow.example":
            return resolve(host, *rest, **more)
        time.sleep(1.5)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    messages = seen({"url": "http://slow.example/a.png"})
    waiting = [threading.Thread(target=lambda: ask(api, messages=messages)) for _ in range(10)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    answer = ask(api)
    took = time.monotonic() - started
    for thread in waiting:
        thread.join()

    assert answer.status_code == 200
    assert took < 1
