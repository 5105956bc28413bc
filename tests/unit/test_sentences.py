"""What a product manager reads: every case in words, with the estimate's own numbers."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lib.core.estimate import estimate
from lib.core.estimate_input import parse
from lib.core.sentences import EQUAL_TOKENS, hours, money, percent, sentences, tokens
from lib.store import catalogue, estimate_tables
from tests.unit.test_estimate import MEASURED, body


def said(**changes: Any) -> tuple[str, ...]:
    found = estimate(
        parse(body(**changes)),
        estimate_tables.gpus(),
        estimate_tables.local_models(),
        catalogue.prices(),
        date(2026, 11, 22),
    )
    return sentences(found)


def test_the_example():
    """The contract's example in four sentences."""
    assert said() == (
        "At 100 M tokens a month, half of them input, the API costs $87.50; one RTX 3060 12GB "
        "all month costs $191.63 and would be 8 % busy.",
        "Renting wins from 219 M tokens on.",
        "The speed is modelled, not measured: 258 tokens a second while writing 4 streams with "
        "Ollama, between 180 and 335.",
        EQUAL_TOKENS,
    )


@pytest.mark.parametrize(
    ("changes", "bills"),
    [
        (
            {"tokens_per_month": 5_000_000_000, "input_share": 0.8, "local": MEASURED},
            "At 5 B tokens a month, 80 % of them input, the API costs $2,500.00; "
            "4 × RTX 3060 12GB all month cost $766.50 and would be 48 % busy.",
        ),
        (
            {"rental": {"mode": "window", "active_hours_per_month": 200}, "local": MEASURED},
            "At 100 M tokens a month, half of them input, the API costs $87.50; "
            "one RTX 3060 12GB for 200 hours a month costs $52.50 and would be 14 % busy.",
        ),
        (
            {"rental": {"mode": "offline", "labour_usd_per_month": 40}, "local": MEASURED},
            "At 100 M tokens a month, half of them input, the API costs $87.50; "
            "one RTX 3060 12GB for 46.3 hours of work costs $52.15 with labour.",
        ),
        (
            {"rental": {"mode": "spot"}, "local": MEASURED, "input_share": 0},
            "At 100 M tokens a month, none of them input, the API costs $150.00; "
            "one RTX 3060 12GB for 46.3 hours of work at spot terms costs $12.15.",
        ),
        (
            {"local": {"model": "gemma3:27b"}, "input_share": 1},
            "At 100 M tokens a month, all of them input, the API costs $25.00; "
            "gemma3:27b under Ollama does not fit on one RTX 3060 12GB.",
        ),
        (
            {"tokens_per_month": 0},
            "At 0 tokens a month, half of them input, the API costs $0.00; "
            "one RTX 3060 12GB all month costs $191.63 and would be 0 % busy.",
        ),
    ],
)
def test_both_bills_are_told(changes: dict[str, Any], bills: str):
    """Volume, mix, both bills, how many cards for how long, and how busy they are."""
    assert said(**changes)[0] == bills


@pytest.mark.parametrize(
    ("rental", "meeting"),
    [
        ({}, "Renting wins from 219 M tokens on."),
        ({"mode": "offline"}, "Renting wins at every volume: "),
        ({"usd_per_hour": 5}, "Renting never wins: all that one GPU can serve costs no more "),
        ({"labour_usd_per_month": 2000}, "Renting wins from 2.72 B tokens on, with 2 GPUs."),
        (
            {"usd_per_hour": 1.5},
            "Renting wins from 1.31 B to 1.58 B tokens; above that one more GPU is needed, "
            "which must earn its rent too.",
        ),
        (
            {"labour_usd_per_month": 9 * 10**7},
            "Renting never wins: even 10,000 GPUs do not earn the labour ",
        ),
    ],
)
def test_where_they_meet_is_told(rental: dict[str, Any], meeting: str):
    """From when on renting wins, until when, with how many GPUs, or why never."""
    assert said(rental=rental, local=MEASURED)[1].startswith(meeting)


def test_what_does_not_fit_says_why():
    """A model that does not fit has its reason in place of a break-even."""
    _, meeting, speed, _ = said(local={"model": "gemma3:27b"})

    assert meeting.startswith("gemma3:27b under Ollama does not fit: its weights take 16.6 GB")
    assert speed.endswith("if it fitted.")


def test_a_measured_speed_is_called_so():
    """Somebody's own measurement is not called modelled and has no band."""
    assert said(local=MEASURED)[2] == (
        "The speed is as given: 1,000 tokens a second while writing."
    )


@pytest.mark.parametrize("concurrency", [1, 2])
def test_one_stream_is_no_streams(concurrency: int):
    """One stream is said in the singular."""
    speed = said(local={"concurrency": concurrency})[2]

    assert ("one stream " in speed) is (concurrency == 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (tokens(Decimal(999)), "999"),
        (tokens(Decimal(12_345)), "12,345"),
        (tokens(Decimal(1_500_000)), "1.5 M"),
        (tokens(Decimal(19_950_000)), "20 M"),
        (tokens(Decimal(1_234_000_000)), "1.23 B"),
        (tokens(Decimal(10) ** 15), "1,000 T"),
        (money(Decimal("0.004")), "less than a cent"),
        (money(Decimal("0.125")), "$0.13"),
        (money(Decimal("1234567.5")), "$1,234,568"),
        (percent(Decimal("0.001")), "under 1 %"),
        (percent(Decimal("0.5")), "50 %"),
        (hours(Decimal(1)), "1 hour"),
        (hours(Decimal("0.5")), "30 minutes"),
        (hours(Decimal("7.04")), "7.04 hours"),
    ],
)
def test_numbers_are_short_enough_to_repeat(text: str, wanted: str):
    """Three digits, a unit, and no false precision."""
    assert text == wanted


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images_per_request": 1, "local": {"model": "qwen3:8b"}}, "cannot see pictures"),
        ({"images_per_request": 1}, "turns a picture into tokens"),
        ({"local": {"concurrency": 9999}}, "9,999 streams fit at once"),
        ({"local": {"concurrency": 9999, "decode_tok_s": 5}}, "measured speed is used as given"),
        ({"local": {"concurrency": 30}}, "No published measurement has more than 16"),
        ({"local": {"engine": "vllm"}}, "Gemma under vLLM"),
        ({"local": {"engine": "vllm"}}, "a third slower"),
        ({"local": {"gpu": "A100 40GB"}}, "slower than modelled"),
        ({"api": {"retry_share": 0.1}}, "Retries are billed at the API"),
        ({"rental": {"minimum_hours": 6}}, "Without effect in the mode always_on: minimum_hours"),
        ({"rental": {"mode": "spot", "cold_start_hours": 1}}, "but no capacity"),
        (
            {"local": {"model": "qwen3:8b", "gpu": "H200 141GB SXM"}, "input_tokens": 40_000},
            "longer than the 40,960 tokens",
        ),
    ],
)
def test_what_is_not_modelled_is_said(changes: dict[str, Any], words: str):
    """Every assumption the model cannot follow has its warning."""
    warnings = estimate(
        parse(body(**changes)),
        estimate_tables.gpus(),
        estimate_tables.local_models(),
        catalogue.prices(),
        date(2026, 11, 22),
    ).warnings

    assert sum(words in warning for warning in warnings) == 1
