"""What a call costs: each part at its rate, unknown never guessed, the worst case a bound."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import Media, Message, Request, Usage
from lib.core.prices import machine_cost, worst_input_tokens
from lib.store import catalogue

MODEL = "gemini-3.1-flash-lite"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICES = catalogue.prices()
WHOLE = Usage(1000, 100, 40, 200, 0)
TIERS = pytest.mark.parametrize("tier", ["standard", "flex", "priority"])


def request(*texts: str, media: tuple[Media, ...] = (), **options) -> Request:
    messages = tuple(Message("user", text, media) for text in texts)
    return Request(MODEL, messages, **options)


@TIERS
@pytest.mark.parametrize("part", ["input_tokens", "output_tokens", "cached_tokens"])
def test_an_unknown_count_makes_the_cost_unknown(part: str, tier: str):
    """A count the server did not say makes the cost None, not the cost of the other parts."""
    cost = PRICES.cost(replace(WHOLE, **{part: None}), MODEL, NOON, tier)

    assert PRICES.cost(WHOLE, MODEL, NOON, tier) is not None
    assert cost is None


def test_cached_tokens_are_a_part_of_the_input():
    """Cached tokens are charged once, at their own rate, and the rest of the input at the full."""
    cost = PRICES.cost(Usage(1000, 0, 0, 400), MODEL, NOON)

    assert cost == Decimal("0.25") * 600 / 10**6 + Decimal("0.025") * 400 / 10**6


@pytest.mark.parametrize(
    ("tier", "text", "audio"), [("standard", "0.25", "0.50"), ("priority", "0.45", "0.90")]
)
def test_sound_is_a_part_of_the_input(tier: str, text: str, audio: str):
    """Sound is charged at its own rate, and the rest of the input at that of text."""
    cost = PRICES.cost(Usage(1000, 0, 0, 0, 400), MODEL, NOON, tier)

    assert cost == (Decimal(text) * 600 + Decimal(audio) * 400) / 10**6


def test_thinking_is_a_part_of_the_output():
    """Thinking is inside the output and not charged a second time, known or unknown."""
    costs = {PRICES.cost(Usage(0, 1000, thinking, 0), MODEL, NOON) for thinking in (0, 900, None)}

    assert costs == {Decimal("0.0015")}


@TIERS
@pytest.mark.parametrize(
    "usage",
    [
        Usage(1000, 0, 0, 200, 400),  # which part of the sound was cached?
        Usage(100, 0, 0, 101, 0),
        Usage(100, 0, 0, 0, 101),
    ],
)
def test_counts_that_do_not_say_enough_are_unknown(usage: Usage, tier: str):
    """Sound together with cache, or a part above its whole, has no known cost and is no error."""
    cost = PRICES.cost(usage, MODEL, NOON, tier)

    assert cost is None


@given(
    texts=st.lists(st.text(max_size=60), min_size=1, max_size=4),
    system=st.text(max_size=40),
    wanted=st.integers(1, 5000),
    share=st.floats(0, 1),
)
def test_worst_case_bounds_text(texts: list[str], system: str, wanted: int, share: float):
    """No way to cut a text into tokens, be each one byte, costs more than was reserved."""
    asked = request(*texts, system=system, max_tokens=wanted)
    most_tokens = sum(len(text.encode()) for text in (system, *texts))
    real = Usage(most_tokens, round(wanted * share), 0, round(most_tokens * (1 - share)))

    assert PRICES.cost(real, MODEL, NOON) <= PRICES.worst_case(asked, None, NOON)


@given(words=st.lists(st.sampled_from(["the", "straße", "数据", "😀", "a"]), max_size=50))
def test_worst_case_bounds_words_as_tokens(words: list[str]):
    """A text of usual words, a token each, is below its reservation also when it is not ASCII."""
    real = Usage(len(words), 2048, 0, 0)
    reserved = PRICES.worst_case(request(" ".join(words)), None, NOON)

    assert PRICES.cost(real, MODEL, NOON) <= reserved


@pytest.mark.parametrize(
    ("mime", "size", "tokens"),
    [
        ("image/png", 500, 1120),
        ("audio/mp3", 16_000, 32),  # a second at 128 kbit/s
        ("audio/aac", 3_000, 32),  # a second at 24 kbit/s
        ("video/mp4", 30_000, 100),  # a second at 240 kbit/s
        ("application/pdf", 400, 1120),
    ],
)
def test_worst_case_bounds_media(mime: str, size: int, tokens: int):
    """A file costs no more than was reserved, sound at the rate of sound."""
    sound = tokens if mime.startswith(("audio", "video")) else 0
    real = Usage(tokens, 2048, 0, 0, sound)
    reserved = PRICES.worst_case(request("", media=(Media(mime, bytes(size)),)), None, NOON)

    assert PRICES.cost(real, MODEL, NOON) <= reserved


@pytest.mark.parametrize("mime", ["audio/mp3", "video/mp4"])
def test_worst_case_reserves_sound_as_sound(mime: str):
    """A file that may be all sound is reserved at the rate of sound, twice that of text."""
    asked = request("", media=(Media(mime, bytes(1_600_000)),), max_tokens=0)
    reserved = PRICES.worst_case(asked, None, NOON)

    assert reserved >= PRICES.cost(Usage(100_000, 0, 0, 0, 100_000), MODEL, NOON)


def test_a_schema_is_input_too():
    """The schema of a structured answer is counted, because the provider counts it."""
    schema = {"type": "object", "properties": {"label": {"enum": ["a" * 500]}}}

    assert worst_input_tokens(request("x", json_schema=schema), None) >= 500


def test_the_window_bounds_the_worst_case():
    """No more input is reserved than fits into the model."""
    asked = request("x" * 5000)

    assert worst_input_tokens(asked, 1000) == 1000
    assert worst_input_tokens(asked, None) > 5000


def test_a_model_without_a_price_has_no_bound():
    """The worst case of a model of unknown price is infinite, so no budget lets it through."""
    worst = PRICES.worst_case(replace(request("x"), model="gemini-new"), None, NOON)

    assert worst == Decimal("Infinity")


def test_a_model_nobody_compared_has_no_headline_price():
    """A price without a source and a date is not shown, though the package may know it."""
    shown = PRICES.price("gemini-2.5-pro", NOON.date())

    assert PRICES.cost(WHOLE, "gemini-2.5-pro", NOON) is not None
    assert shown is None


@pytest.mark.parametrize(
    ("usd_per_hour", "busy_s", "usd"),
    [("0.25", 3600, "0.25"), ("0.36", 0.1, "0.00001"), ("0", 10, "0"), (None, 10, None)],
)
def test_machine_cost(usd_per_hour: str | None, busy_s: float, usd: str | None):
    """A local answer costs the machine's price for its seconds, exactly; unpriced is unknown."""
    price = None if usd_per_hour is None else Decimal(usd_per_hour)

    assert machine_cost(price, busy_s) == (None if usd is None else Decimal(usd))
