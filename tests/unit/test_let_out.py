"""What a call sends to its provider, what it keeps back, and what no log may hold."""

import logging
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import ModelInfo
from lib.core.errors import (
    AppError,
    Unsupported,
)
from lib.work.app import App
from lib.work.ask import fit
from tests.fakes import FakeServer
from tests.unit.builders import (
    EVERYONE,
    GEMINI,
    KEY,
    OLLAMA,
    PICTURE,
    TEXT_ONLY,
    VLLM,
    answer,
    prompt,
    running,
)

EVERY_OPTION: dict[str, Any] = {
    "temperature": 0.25,
    "top_p": 0.75,
    "stop": ("END",),
    "seed": 7,
    "json_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "media_resolution": "low",
    "thinking": "high",
}
# How each of them looks on the wire, in any dialect.
ON_THE_WIRE = {
    "temperature": ("temperature",),
    "top_p": ("topP", "top_p"),
    "stop": ("stopSequences", "stop"),
    "seed": ("seed",),
    "json_schema": ("responseJsonSchema", "responseSchema", "format", "response_format"),
    "media_resolution": ("mediaResolution",),
    "thinking": ("thinkingConfig", "think", "chat_template_kwargs", "reasoning_effort"),
}
USUAL = {"temperature", "top_p", "stop", "seed", "json_schema"}


def test_a_picture_for_a_text_model_is_refused_unsent(app: App, fake: FakeServer) -> None:
    """Nothing is sent, reserved or written when the model cannot read the input."""
    app.models.all()
    before = len(fake.calls)
    with pytest.raises(Unsupported) as caught:
        answer(app, TEXT_ONLY, "what is this", PICTURE)

    assert "image" in str(caught.value)
    assert app.ledger.rows() == []
    assert len(fake.calls) == before


@EVERYONE
def test_a_picture_reaches_a_model_that_sees(app: App, model: str) -> None:
    """The same picture is sent to a model that reads it, and counted."""
    _, receipt = answer(app, model, "what is this", PICTURE)

    assert receipt.usage.input_tokens == 13


def sent(fake: FakeServer) -> str:
    return str(fake.calls[-1].body)


def test_sampling_is_not_sent_where_it_is_no_longer_taken(app: App, fake: FakeServer) -> None:
    """Gemini 3.5 Flash-Lite takes no temperature and top-p; others get them."""
    options = {"temperature": 0.25, "top_p": 0.75}
    answer(app, "gemini/gemini-3.5-flash-lite", "hello", **options)
    without = sent(fake)
    answer(app, GEMINI, "hello", **options)

    assert "temperature" not in without
    assert "topP" not in without
    assert "temperature" in sent(fake)
    assert "topP" in sent(fake)


def test_the_answers_length_fits_the_model() -> None:
    """More tokens than a model can write are not asked of it."""
    info = ModelInfo("gemini", "small", max_output_tokens=100)

    assert fit(info, prompt("x", max_tokens=5000)).max_tokens == 100
    assert fit(info, prompt("x", max_tokens=50)).max_tokens == 50
    assert fit(info, prompt("x")).model == "small"


def options_sent(fake: FakeServer) -> set[str]:
    """Which of the options the last call told the model about."""
    body = fake.asked[-1].body
    fields: dict[str, Any] = body | body.get("generationConfig", {}) | body.get("options", {})
    fields = {name: value for name, value in fields.items() if value is not None}
    return {option for option, names in ON_THE_WIRE.items() if set(names) & set(fields)}


@pytest.mark.parametrize(
    ("sdk", "model", "taken"),
    [
        ("google-genai", GEMINI, USUAL | {"media_resolution", "thinking"}),
        (
            "google-genai",
            "gemini/gemini-3.5-flash-lite",
            {"stop", "seed", "json_schema", "media_resolution", "thinking"},
        ),
        ("google-generativeai", GEMINI, USUAL - {"seed"}),
        ("google-generativeai", "gemini/gemini-3.5-flash-lite", {"stop", "json_schema"}),
        ("auto", OLLAMA, USUAL),
        ("auto", "ollama/qwen3.5:4b", USUAL | {"thinking"}),
        ("auto", VLLM, USUAL),
        ("auto", "vllm/Qwen/Qwen3-4B", USUAL | {"thinking"}),
    ],
)
def test_a_model_is_told_what_it_takes_and_nothing_else(
    fake: FakeServer, tmp_path: Path, sdk: str, model: str, taken: set[str]
) -> None:
    """All options given, each model gets those its entry in the picker names, and answers."""
    with running(fake, tmp_path, gemini_sdk=sdk) as app:
        info = app.models.find(model).info
        said, _ = answer(app, model, "hello", **EVERY_OPTION)

    assert options_sent(fake) == taken
    assert said
    assert info.takes == taken - {"thinking"}
    assert bool(info.thinking) == ("thinking" in taken)


def test_the_built_in_model_is_not_told_to_think() -> None:
    """A comparison may ask all its models to think; one without levels never hears of it."""
    plain, thinker = ModelInfo("embedded", "a"), ModelInfo("ollama", "b", thinking=("off", "high"))
    named = ModelInfo("ollama", "gpt-oss", thinking=("low", "medium", "high"))
    told = {
        level: [fit(info, prompt("x", thinking=level)).thinking for info in (plain, thinker, named)]
        for level in ("off", "low", "high")
    }

    assert told == {
        "off": [None, "off", None], "low": [None, None, "low"], "high": [None, "high", "high"],
    }  # fmt: skip


@EVERYONE
@pytest.mark.parametrize("sdk", ["google-genai", "google-generativeai"])
def test_no_log_holds_prompt_key_or_path(
    fake: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, model: str, sdk: str
) -> None:
    """Even at DEBUG, and when calls fail, neither words nor secrets get into the log."""
    folder = tmp_path / "secret-folder"
    with (
        caplog.at_level(logging.DEBUG),
        running(fake, folder, gemini_sdk=sdk, vllm_api_key=KEY) as app,
    ):
        answer(app, model, "confidential words")
        for fault in ("bad_request", "mid_error", "html500", "broken_json"):
            with pytest.raises(AppError):
                answer(app, model, f"confidential words #fault={fault}")

    logged = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "chat bad_reply" in logged
    for secret in ("confidential", KEY, str(folder), "SECRET-IN-HTML"):
        assert secret not in logged
