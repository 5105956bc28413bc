"""Who can read what: the models that can, and the hint of a refusal that names them."""

from pathlib import Path

import pytest

from lib.core.chat import Media, Request
from lib.core.errors import Unsupported
from lib.work.app import App
from lib.work.ask import check_reads
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, PICTURE, TEXT_ONLY, VLLM, prompt, running, site

FILM = Media("video/mp4", b"the fake does not look inside")


def test_readers_take_turns_by_provider(app: App) -> None:
    """One of each provider comes before any second one, in the picker's order."""
    listed = app.models.readers(frozenset({"text", "image"}))
    providers = [info.provider for info in listed]

    assert providers[:3] == ["gemini", "ollama", "vllm"]
    assert set(providers[3:]) == {"gemini", "ollama"}
    assert [info.id for info in listed[:2]] == [GEMINI, "ollama/gemma3:4b"]


def test_readers_read_all_of_it(app: App) -> None:
    """A model that reads a part only is none, nor is one that is off."""
    film = app.models.readers(frozenset({"text", "image", "video"}))
    text = app.models.readers(frozenset({"text"}))

    assert {info.provider for info in film} == {"gemini"}
    assert text
    assert sorted(info.id for info in text) == sorted(
        info.id for info in app.models.all() if info.available
    )


def hint(app: App, model: str, request: Request) -> str:
    info = app.models.find(model).info
    with pytest.raises(Unsupported) as caught:
        check_reads(app, info, request)
    assert str(caught.value).startswith(f"{model} cannot read ")
    return caught.value.hint


def test_the_hint_names_models_that_read_it(app: App) -> None:
    """Four at most, and one of every provider among them."""
    named = hint(app, TEXT_ONLY, prompt("look", PICTURE))
    models = named.removeprefix("These can: ").removesuffix(".").split(", ")

    assert [model.partition("/")[0] for model in models] == ["gemini", "ollama", "vllm", "gemini"]
    assert models[0] == GEMINI
    assert all("image" in app.models.find(model).info.input for model in models)


def test_a_hint_is_for_all_that_is_in_the_request(app: App) -> None:
    """With a picture and a film, whoever sees pictures only is not named."""
    named = hint(app, TEXT_ONLY, prompt("look", PICTURE, FILM))

    assert "gemini/" in named
    assert "ollama/" not in named


@pytest.mark.parametrize(
    ("media", "advice"),
    [((PICTURE,), ("GOOGLE_API_KEY", "ollama pull")), ((FILM,), ("GOOGLE_API_KEY",))],
)
def test_without_a_reader_the_hint_says_what_would_be_one(
    fake: FakeServer, tmp_path: Path, media: tuple[Media, ...], advice: tuple[str, ...]
) -> None:
    """Gemini reads everything, a model in Ollama pictures at most."""
    alone = {
        "/api/tags": {"models": [{"model": "blind"}]},
        "/api/show": {"model_info": {}, "capabilities": ["completion"]},
    }
    with (
        site(alone) as host,
        running(
            fake, tmp_path, google_api_key=None, vllm_base_url=None, ollama_host=host.url
        ) as app,
    ):
        named = hint(app, "ollama/blind", prompt("look", *media))

    assert all(word in named for word in advice)
    assert ("ollama pull" in named) == ("ollama pull" in advice)


def test_what_can_be_read_is_not_refused(app: App) -> None:
    """Nothing is said, and nobody is asked who else could."""
    for model in (GEMINI, OLLAMA, VLLM):
        check_reads(app, app.models.find(model).info, prompt("look", PICTURE))
