"""What a call sends to its provider, what it keeps back, and what no log may hold."""

import logging
from pathlib import Path

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
    PICTURE,
    TEXT_ONLY,
    answer,
    prompt,
    running,
)


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
