"""What is built from the settings: which providers, by which SDK, and why one is off."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import NO_MODEL, ModelInfo
from lib.core.errors import NotConfigured
from lib.providers.embedded import Embedded
from lib.providers.gemini import Gemini
from lib.providers.gemini_bulk import GeminiBulk
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, running


def listed(infos: list[ModelInfo], provider: str) -> list[ModelInfo]:
    return [info for info in infos if info.provider == provider]


@pytest.mark.parametrize(
    ("sdk", "streams", "bulk"),
    [
        ("auto", Gemini, GeminiBulk),
        ("google-genai", Gemini, Gemini),
        ("google-generativeai", GeminiBulk, GeminiBulk),
    ],
)
def test_the_sdk_is_the_one_asked_for(
    fake: FakeServer, tmp_path: Path, sdk: str, streams: type, bulk: type
) -> None:
    """«auto» streams by the new SDK and carries bulk by the retired one."""
    with running(fake, tmp_path, gemini_sdk=sdk) as app:
        choice = app.models.find(GEMINI)

    assert (type(choice.provider), type(choice.bulk)) == (streams, bulk)


def test_the_data_folder_and_its_database_are_made(fake: FakeServer, tmp_path: Path) -> None:
    """A first start needs nothing prepared."""
    folder = tmp_path / "not" / "there" / "yet"
    with running(fake, folder):
        pass

    assert (folder / "playground.db").is_file()


def test_another_database_is_used_when_named(fake: FakeServer, tmp_path: Path) -> None:
    """DATABASE_URL goes over the file in the data folder."""
    file = tmp_path / "other.db"
    with running(fake, tmp_path / "data", database_url=f"sqlite:///{file}") as app:
        app.conversations.start("hello")

    assert file.is_file()
    assert not (tmp_path / "data" / "playground.db").exists()


def test_the_budget_reaches_the_ledger(fake: FakeServer, tmp_path: Path) -> None:
    """MONTHLY_BUDGET_USD bounds the calls."""
    with running(fake, tmp_path, monthly_budget_usd="2.5") as app:
        budget = app.ledger.budget_usd

    assert str(budget) == "2.5"


def test_without_settings_everything_says_what_turns_it_on(
    fake: FakeServer, tmp_path: Path
) -> None:
    """No provider is just missing: each names the setting that brings it."""
    with running(fake, tmp_path, google_api_key=None, vllm_base_url=None) as app:
        infos = app.models.all()
        with pytest.raises(NotConfigured) as caught:
            app.models.find(GEMINI)

    assert all("GOOGLE_API_KEY" in str(info.reason) for info in listed(infos, "gemini"))
    assert len(listed(infos, "gemini")) > 1
    assert [(info.name, info.available) for info in listed(infos, "vllm")] == [(NO_MODEL, False)]
    assert "VLLM_BASE_URL" in str(listed(infos, "vllm")[0].reason)
    assert "GOOGLE_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "reason"), [("off", "Unset it, or give a GGUF file"), ("gone.gguf", "names no file")]
)
def test_the_embedded_model_says_why_it_is_off(
    fake: FakeServer, tmp_path: Path, model: str, reason: str
) -> None:
    """Turned off and not found are told apart."""
    with running(fake, tmp_path, embedded_model=model) as app:
        (info,) = listed(app.models.all(), "embedded")
        with pytest.raises(NotConfigured):
            app.models.find(info.id)

    assert not info.available
    assert reason in str(info.reason)


def test_a_file_of_ones_own_is_called_by_its_name(fake: FakeServer, tmp_path: Path) -> None:
    """EMBEDDED_MODEL names the model after the file; nothing is loaded before it is asked."""
    file = tmp_path / "My Model.Q4_K.gguf"
    file.touch()
    with running(fake, tmp_path, embedded_model=str(file)) as app:
        choice = app.models.find("my-model.q4-k")

    assert choice.info.id == "embedded/my-model.q4-k"
    assert choice.info.input == ("text",)
    assert isinstance(choice.provider, Embedded)


@pytest.mark.parametrize(("reads", "sees"), [(None, False), ("text,image", True)])
def test_what_a_vllm_model_reads_can_be_set(
    fake: FakeServer, tmp_path: Path, reads: Any, sees: bool
) -> None:
    """VLLM_INPUT goes over what the model's name says."""
    with running(fake, tmp_path, vllm_input=reads) as app:
        info = app.models.find("vllm/Qwen/Qwen3-4B").info

    assert ("image" in info.input) is sees


def test_several_hosts_of_ollama_do_not_stop_the_start() -> None:
    """Ollama's package fails on import when OLLAMA_HOST holds a list; ours is imported past it."""
    hosts = "http://127.0.0.1:1,http://127.0.0.1:2"
    code = "import os, lib.work.app; print(os.environ['OLLAMA_HOST'])"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"OLLAMA_HOST": hosts}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.stdout.strip() == hosts, told.stderr
