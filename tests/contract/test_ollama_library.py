"""What an Ollama server has, and having it load and delete models."""

from collections.abc import Callable
from contextlib import closing

import pytest

from lib.core.errors import (
    BadInput,
    ModelMissing,
    NoConnection,
    Unreachable,
)
from lib.core.station import HostedModel, HostReport
from lib.providers.ollama_library import OllamaLibrary
from tests.contract.conftest import done_of, ollama
from tests.fakes import FakeServer
from tests.unit.builders import site

SMALL = "smollm2:135m"


def report(library: OllamaLibrary) -> HostReport:
    (one,) = library.report()
    return one


def model(library: OllamaLibrary, name: str) -> HostedModel:
    return next(one for one in report(library).models if one.name == name)


# What there is


def test_a_report_says_what_the_server_says(library: OllamaLibrary, own: FakeServer) -> None:
    """Version, and of every model its size, parameters, quantisation, context and what it reads."""
    found = report(library)

    assert (found.address, found.engine, found.version) == (own.url, "Ollama", "0.33.0")
    assert found.error is None
    assert [one.name for one in found.models] == ["gemma3:4b", "llama3.2:3b", "qwen3.5:4b"]
    assert found.models[0] == HostedModel(
        "gemma3:4b", 3_338_801_804, "4.3B", "Q4_K_M", 131_072, ("text", "image"), loaded=False
    )
    assert found.models[1].input == ("text",)


def test_memory_is_known_of_what_is_loaded(library: OllamaLibrary, own: FakeServer) -> None:
    """How much it takes, how much of that is on the GPU, and with which window."""
    own.ollama.gpu_bytes = 2_000_000_000
    library.load(own.url, "gemma3:4b")
    loaded, other = model(library, "gemma3:4b"), model(library, "llama3.2:3b")

    assert loaded.loaded is True
    assert loaded.memory_bytes is not None
    assert loaded.memory_bytes > loaded.size_bytes > loaded.gpu_bytes == 2_000_000_000
    assert (other.loaded, other.memory_bytes, other.window_tokens) == (False, None, None)


def test_models_are_described_once(library: OllamaLibrary, own: FakeServer) -> None:
    """A page that looks every second does not ask about each model again; a new one is asked."""
    for _ in range(3):
        report(library)
    asked = [call.path for call in own.calls].count("/api/show")
    list(library.pull(own.url, SMALL))

    assert asked == 3
    assert model(library, SMALL).context_tokens == 8192
    assert [call.path for call in own.calls].count("/api/show") == 4


def test_a_server_that_is_down_says_what_to_do(dead_address: str, own: FakeServer) -> None:
    """Each host has its report, in the order of the settings; a dead one has the reason."""
    dead = f"http://user:secret@{dead_address}"
    with closing(OllamaLibrary([dead, own.url], 10)) as library:
        down, up = library.report()

    assert down.address == f"http://{dead_address}"
    assert isinstance(down.error, NoConnection)
    assert "ollama serve" in down.error.hint
    assert up.error is None
    assert len(up.models) == 3


def test_another_server_is_not_taken_for_ollama() -> None:
    """A web server that knows none of the paths has a report with an error and the next step."""
    with site({}) as other, closing(OllamaLibrary([other.url], 10)) as library:
        error = report(library).error

    assert isinstance(error, Unreachable)
    assert "OLLAMA_HOST" in error.hint


def test_a_model_that_cannot_be_described_is_listed(own: FakeServer) -> None:
    """One broken model does not hide the others, nor the server."""
    answers = {
        "/api/version": {"version": "0.5"},
        "/api/ps": {"models": []},
        "/api/tags": {"models": [{"model": "odd", "size": 7, "details": {"parameter_size": ""}}]},
    }
    with site(answers) as odd, closing(OllamaLibrary([odd.url], 10)) as library:
        assert report(library).models == (HostedModel("odd", 7, loaded=False),)


# Loading and deleting


def test_loading_takes_the_window_of_a_question(library: OllamaLibrary, own: FakeServer) -> None:
    """The first short question then finds the model as it is, and does not load it again."""
    library.load(own.url, "gemma3:4b")
    loaded = model(library, "gemma3:4b").window_tokens
    with closing(ollama(own.url, "", 10)) as provider:
        done_of(provider, "hello")

    assert model(library, "gemma3:4b").window_tokens == loaded


def test_unloading_frees_the_memory(library: OllamaLibrary, own: FakeServer) -> None:
    """Also of what a question loaded; unloading twice is no error."""
    with closing(ollama(own.url, "", 10)) as provider:
        done_of(provider, "hello")
    before = model(library, "gemma3:4b").loaded
    for _ in range(2):
        library.unload(own.url, "gemma3:4b")

    assert (before, model(library, "gemma3:4b").loaded) == (True, False)


def test_a_deleted_model_is_gone(library: OllamaLibrary, own: FakeServer) -> None:
    """From the server itself; once more, it is missing."""
    library.delete(own.url, "llama3.2:3b")

    assert library.names(own.url) == {"gemma3:4b", "qwen3.5:4b"}
    with pytest.raises(ModelMissing, match=r"llama3\.2:3b"):
        library.delete(own.url, "llama3.2:3b")


def test_a_model_for_embeddings_cannot_be_loaded(library: OllamaLibrary, own: FakeServer) -> None:
    """The refusal names the model and does not speak of prompts."""
    list(library.pull(own.url, "all-minilm"))

    with pytest.raises(BadInput, match="all-minilm:latest"):
        library.load(own.url, "all-minilm")


CALLS: list[Callable[[OllamaLibrary, str, str], object]] = [
    OllamaLibrary.pull, OllamaLibrary.delete, OllamaLibrary.load, OllamaLibrary.unload,
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_only_our_servers_and_only_names_are_asked(
    library: OllamaLibrary, own: FakeServer, call: Callable[[OllamaLibrary, str, str], object]
) -> None:
    """Neither another address nor what is no model's name leaves this server."""
    for host, name, field in (
        ("http://169.254.169.254", "gemma3:4b", "host:"),
        (own.url, "a b", "model:"),
    ):
        with pytest.raises(BadInput, match=field):
            call(library, host, name)

    assert own.calls == []
