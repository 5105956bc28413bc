"""Which model is meant, and who carries it."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import USUAL_OPTIONS, ModelInfo
from lib.core.errors import BadInput, ModelMissing, NotConfigured
from lib.providers.gemini import Gemini
from lib.providers.gemini_bulk import GeminiBulk
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from lib.work.app import App
from lib.work.models import Models
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, running, site, tags

NO_KEY = "Set GOOGLE_API_KEY."
OFF = {"gemini": [ModelInfo("gemini", "flash", False, NO_KEY)]}


def cards(*names: str) -> dict[str, Any]:
    return {"/v1/models": {"object": "list", "data": [{"id": name} for name in names]}}


# The default


def test_the_default_is_gemini_when_there_is_a_key(app: App) -> None:
    """Gemini Flash-Lite comes first."""
    default = app.models.default()

    assert default is not None
    assert default.id == GEMINI
    assert app.models.find(None).info == default
    assert app.models.find("").info == default


@pytest.mark.parametrize(
    ("missing", "default"),
    [
        ((), "ollama/gemma3:4b"),
        (("ollama",), "vllm/Qwen/Qwen2.5-VL-3B-Instruct"),
        (("ollama", "vllm"), "embedded/model"),
        (("ollama", "vllm", "embedded"), None),
    ],
)
def test_the_default_falls_to_the_next_that_is_there(
    fake: FakeServer,
    tmp_path: Path,
    dead_address: str,
    missing: tuple[str, ...],
    default: str | None,
) -> None:
    """Then an Ollama model, a vLLM model, the embedded one; else it says what to do."""
    weights = tmp_path / "model.gguf"
    weights.touch()
    dead = f"http://{dead_address}"
    settings = {
        "google_api_key": None,
        "ollama_host": dead if "ollama" in missing else fake.url,
        "vllm_base_url": None if "vllm" in missing else f"{fake.url}/v1",
        "embedded_model": "off" if "embedded" in missing else str(weights),
    }
    with running(fake, tmp_path, **settings) as app:
        found = app.models.default()
        if default is None:
            with pytest.raises(NotConfigured) as caught:
                app.models.find(None)
            assert "GOOGLE_API_KEY" in caught.value.hint

    assert (found.id if found else None) == default


# Names


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gemini/gemini-3.1-flash-lite", "gemini/gemini-3.1-flash-lite"),
        ("ollama/gemma3:4b", "ollama/gemma3:4b"),
        ("vllm/Qwen/Qwen3-4B", "vllm/Qwen/Qwen3-4B"),
        ("gemini-3.1-flash-lite", "gemini/gemini-3.1-flash-lite"),
        ("gemma3:4b", "ollama/gemma3:4b"),
        ("Qwen/Qwen3-4B", "vllm/Qwen/Qwen3-4B"),
    ],
)
def test_an_id_and_a_bare_name_are_found(app: App, asked: str, found: str) -> None:
    """Full ids work, and bare names where only one provider has them, slashes included."""
    choice = app.models.find(asked)

    assert choice.info.id == found
    assert choice.info.available
    assert choice.provider.name == choice.info.provider


@pytest.mark.parametrize("asked", ["mistral", "ollama/mistral", "mistral:latest"])
def test_latest_need_not_be_written(asked: str) -> None:
    """Ollama's «:latest» is understood."""
    with site(tags("mistral:latest")) as host, closing(Ollama([host.url], 5)) as ollama:
        found = Models({"ollama": ollama}, {}, {}).find(asked)

    assert found.info.id == "ollama/mistral:latest"


def test_a_name_that_two_providers_have_is_asked_back() -> None:
    """Instead of a guess the error names the ids to choose from; those ids work."""
    with (
        site(tags("twin") | cards("twin")) as host,
        closing(Ollama([host.url], 5)) as ollama,
        closing(VLLM([f"{host.url}/v1"], None, 5)) as vllm,
    ):
        models = Models({"ollama": ollama, "vllm": vllm}, {}, {})
        with pytest.raises(BadInput) as caught:
            models.find("twin")
        chosen = models.find("vllm/twin")

    assert "ollama/twin" in str(caught.value)
    assert "vllm/twin" in str(caught.value)
    assert chosen.provider is vllm


def test_a_provider_that_is_off_says_why() -> None:
    """An id or a bare name of a provider without its setting tells what turns it on."""
    models = Models({}, {}, OFF)
    for asked in ("gemini/flash", "gemini/anything", "flash"):
        with pytest.raises(NotConfigured) as caught:
            models.find(asked)

        assert caught.value.hint == NO_KEY


def test_a_model_that_is_there_wins_over_one_that_is_off() -> None:
    """The same name at a provider that is off makes no bare name ambiguous."""
    with site(tags("flash")) as host, closing(Ollama([host.url], 5)) as ollama:
        found = Models({"ollama": ollama}, {}, OFF).find("flash")

    assert found.info.id == "ollama/flash"


@pytest.mark.parametrize("asked", ["nonsense", "no/such/model", "x" * 5000, "../../etc/passwd"])
def test_an_unknown_name_is_missing(app: App, asked: str) -> None:
    """A name nobody has is an error of a bounded length that names the field."""
    with pytest.raises(ModelMissing) as caught:
        app.models.find(asked)

    assert str(caught.value).startswith("model:")
    assert len(str(caught.value)) < 200


def test_an_id_that_is_not_listed_is_left_to_its_provider(app: App) -> None:
    """A list may lag behind: the provider itself is asked, and says that it has no such model."""
    choice = app.models.find("ollama/brand-new")

    assert choice.info.id == "ollama/brand-new"
    assert "image" in choice.info.input


def test_nothing_is_left_out_for_a_model_that_is_not_listed(app: App) -> None:
    """Nobody here knows what it takes, so it is told all that was asked for."""
    info = app.models.find("gemini/gemini-4-argon").info

    assert info.takes == USUAL_OPTIONS | {"media_resolution"}
    assert info.thinking == ("off", "low", "medium", "high")


# Who carries bulk


def test_bulk_has_its_own_adapter_where_there_is_one() -> None:
    """Many short calls go through the adapter made for them; others have one for everything."""
    streams, bulk = Gemini("k", None, 5, []), GeminiBulk("k", None, "127.0.0.1:1", 5, [])
    with closing(streams), closing(bulk):
        models = Models({"gemini": streams}, {"gemini": bulk}, {})
        both = models.find("gemini/flash")
        one = Models({"gemini": streams}, {}, {}).find("gemini/flash")

    assert (both.provider, both.bulk) == (streams, bulk)
    assert (one.provider, one.bulk) == (streams, streams)
