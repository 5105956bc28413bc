"""What a request weighs before it is sent."""

import dataclasses
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media
from lib.core.errors import Unsupported
from lib.core.tokens import about
from lib.providers import openai_wire
from lib.work.app import App
from lib.work.ask import fit
from lib.work.models import Choice
from lib.work.weigh import Weight, weigh
from tests.fakes import FakeServer
from tests.unit.builders import (
    GEMINI,
    INPUT,
    OLLAMA,
    OUTPUT,
    PICTURE,
    TEXT_ONLY,
    VLLM,
    answer,
    prompt,
    running,
)

COUNTERS = pytest.mark.parametrize("model", [GEMINI, VLLM])
SOUND = Media("audio/mp3", b"ID3 the fake does not listen")


def weight(app: App, model: str, text: str, *media: Media, exact: bool = True, **options: Any):
    return weigh(app, app.models.find(model), prompt(text, *media, **options), exact)


def small(app: App, model: str, context_tokens: int | None, **facts: Any) -> Choice:
    """The model with another window."""
    choice = app.models.find(model)
    info = dataclasses.replace(choice.info, context_tokens=context_tokens, **facts)
    return dataclasses.replace(choice, info=info)


# How many tokens


@COUNTERS
def test_the_server_counts_what_the_answer_will_tell(app: App, model: str) -> None:
    """The count is the server's own, and is called exact."""
    options = {"system": "be brief", "max_tokens": 50}
    found = weight(app, model, "one two three", **options)
    _, receipt = answer(app, model, "one two three", **options)

    assert (found.tokens, found.exact) == (5, True)
    assert found.tokens == receipt.usage.input_tokens
    assert found.model == model


def test_what_would_be_sent_is_weighed(app: App, fake: FakeServer) -> None:
    """An option that is left out of the call is left out of the count."""
    before = len(fake.asked)
    weight(app, "gemini/gemini-3.5-flash-lite", "one", temperature=0.25)

    assert "temperature" not in str(fake.calls[-1].body)
    assert len(fake.asked) == before


@COUNTERS
def test_without_exact_nobody_is_asked(app: App, fake: FakeServer, model: str) -> None:
    """A guess costs no call, for a field somebody is typing into."""
    request = prompt("one two three " * 30)
    choice = app.models.find(model)
    before = len(fake.calls)
    found = weigh(app, choice, request, exact=False)

    assert len(fake.calls) == before
    assert not found.exact
    assert found.tokens == about(fit(choice.info, request), choice.info.provider)


@COUNTERS
@pytest.mark.parametrize("fault", ["internal", "missing"])
def test_a_server_that_does_not_count_is_no_error(app: App, model: str, fault: str) -> None:
    """Then it is a guess, and says so."""
    found = weight(app, model, f"one two three #count={fault}")

    assert not found.exact
    assert found.tokens


def test_a_slow_count_becomes_a_guess(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a number."""
    monkeypatch.setattr(openai_wire, "COUNT_S", 0.3)
    started = time.monotonic()
    found = weight(app, VLLM, "one #count=slow")

    assert time.monotonic() - started < 3
    assert not found.exact


def test_ollama_is_guessed(app: App) -> None:
    """It counts for nobody."""
    found = weight(app, OLLAMA, "word " * 1000)

    assert not found.exact
    assert found.tokens == pytest.approx(1000, rel=0.05)


def test_a_picture_at_vllm_is_guessed(app: App) -> None:
    """Its count of pictures is not to be trusted."""
    found = weight(app, VLLM, "look", PICTURE)

    assert not found.exact
    assert found.tokens is not None
    assert found.tokens > 256


def test_the_retired_sdk_counts_too(fake: FakeServer, tmp_path: Path) -> None:
    """Whichever SDK carries Gemini."""
    with running(fake, tmp_path, gemini_sdk="google-generativeai") as app:
        found = weight(app, GEMINI, "one two three")

    assert (found.tokens, found.exact) == (3, True)


def test_what_a_model_cannot_read_is_not_weighed(app: App) -> None:
    """It would not be sent either."""
    with pytest.raises(Unsupported):
        weight(app, TEXT_ONLY, "look", PICTURE)


# The window


def test_geminis_window_is_the_prompts_alone(app: App) -> None:
    """Its context is the input's limit, so the answer needs no room there."""
    choice = small(app, GEMINI, 4)
    fits = weigh(app, choice, prompt("one two three four", max_tokens=1000))
    over = weigh(app, choice, prompt("one two three four five", max_tokens=1000))

    assert (fits.share, fits.overflows) == (1.0, False)
    assert (over.share, over.overflows) == (1.25, True)


@pytest.mark.parametrize(("max_tokens", "overflows"), [(96, False), (97, True)])
def test_elsewhere_the_answer_shares_the_window(app: App, max_tokens: int, overflows: bool) -> None:
    """Prompt and longest answer must fit together, to the very token."""
    request = prompt("one two three four", max_tokens=max_tokens)
    found = weigh(app, small(app, VLLM, 100), request)

    assert found.overflows is overflows
    assert found.share == 0.04


def test_ollamas_window_is_the_models_own(app: App) -> None:
    """The adapter asks for as much of it as the prompt needs."""
    found = weight(app, OLLAMA, "word " * 200_000)

    assert found.context_tokens == 131_072
    assert found.overflows
    assert found.share is not None
    assert found.share > 1


def test_an_unknown_window_has_no_share(app: App) -> None:
    """Nothing is said to overflow that nobody knows."""
    found = weigh(app, small(app, VLLM, None), prompt("one " * 100_000))

    assert found.share is None
    assert not found.overflows


def test_the_longest_answer_is_the_models(app: App) -> None:
    """More than a model writes need not fit, nor be paid."""
    choice = small(app, VLLM, 100, max_output_tokens=10)

    assert weigh(app, choice, prompt("one", max_tokens=5000)).answer_tokens == 10


# The price


def test_gemini_costs_by_the_token(app: App) -> None:
    """Input at its rate and the longest answer at its own, with the source of the price."""
    found = weight(app, GEMINI, "one two three four", max_tokens=100)

    assert found.input_usd == 4 * INPUT
    assert found.output_usd_at_most == 100 * OUTPUT
    assert found.price is not None
    assert found.price.source.url.startswith("https://")


def test_a_guess_is_priced_as_well(app: App) -> None:
    """The price is that of the tokens shown."""
    found = weight(app, GEMINI, "one two three four", exact=False)

    assert found.tokens is not None
    assert found.input_usd == found.tokens * INPUT


@pytest.mark.parametrize("model", [OLLAMA, VLLM, "gemini/gemini-9-unpriced"])
def test_what_nobody_can_price_is_none(app: App, model: str) -> None:
    """A local answer costs seconds that are not known before; an unknown price is no zero."""
    found = weight(app, model, "one")

    assert (found.input_usd, found.output_usd_at_most, found.price) == (None, None, None)


def test_sound_is_counted_but_not_priced(app: App) -> None:
    """Its tokens cost more than words do, and the count does not tell them apart."""
    found = weight(app, GEMINI, "listen", SOUND)

    assert (found.tokens, found.exact) == (11, True)
    assert (found.input_usd, found.output_usd_at_most) == (None, None)


def test_sound_that_nobody_counted_is_unknown(app: App) -> None:
    """Neither tokens nor price nor share are made up."""
    found = weight(app, GEMINI, "listen", SOUND, exact=False)

    assert (found.tokens, found.share, found.input_usd) == (None, None, None)
    assert not found.overflows


def test_a_weight_is_a_value() -> None:
    """It can be kept and compared, and nobody changes it."""
    found = Weight("a/b", 5, False, 10, 5, None, Decimal(1), None)

    assert (found.share, found.overflows) == (0.5, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.tokens = 6  # type: ignore[misc]


def test_a_model_that_is_not_listed_is_weighed(app: App) -> None:
    """With neither window nor price, but with its count."""
    found = weight(app, "vllm/brand-new", "one two")

    assert found.tokens
    assert (found.context_tokens, found.exact) == (None, False)
