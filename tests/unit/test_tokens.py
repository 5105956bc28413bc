"""A guess at a prompt's tokens where nobody counts them."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import Media, Message, Request
from lib.core.tokens import ANSWER_TOKENS, MESSAGE_TOKENS, about
from tests.unit.builders import PICTURE

REVIEWS = Path(__file__).parents[1] / "data" / "reviews_sample.csv"
AROUND = MESSAGE_TOKENS + ANSWER_TOKENS
# Gemma 3's and Qwen 3.5's own counts of these texts, 2026-11-22.
COUNTED = [
    ("The remote works well, but after three weeks the picture went dark.", 14, 14),
    ("Die Fernbedienung funktioniert gut, aber nach drei Wochen wurde das Bild dunkel.", 17, 16),
    ("La télécommande fonctionne bien, mais après trois semaines l'image est noire.", 16, 16),
    ("रिमोट अच्छा काम करता है, लेकिन तीन हफ्ते बाद तस्वीर काली हो गई।", 17, 26),
    ("遥控器很好用，但是三个星期以后画面变黑了，打电话也没有人接。", 20, 17),
    ("リモコンはよく動きますが、三週間後に画面が暗くなりました。", 17, 16),
    ("Пульт работает хорошо, но через три недели изображение потемнело.", 15, 15),
    ("def mean(values):\n    return sum(values) / len(values) if values else None\n", 22, 19),
    ("2026-11-22,14.75,3.1416,1048576\n2026-11-23,15.25,2.7183,65536\n", 62, 62),
    ('{"id": 12, "label": "POSITIVE", "score": 0.97, "tags": ["remote", "picture"]}', 31, 32),
]  # fmt: skip


def guess(text: str, provider: str = "gemini", **options: Any) -> int:
    found = about(Request("gemini-3.1-flash-lite", (Message("user", text),), **options), provider)
    assert found is not None
    return found


@pytest.mark.parametrize(("text", "gemma", "qwen"), COUNTED, ids=lambda value: str(value)[:12])
def test_a_guess_is_near_the_tokenizers(text: str, gemma: int, qwen: int) -> None:
    """Within 30 % of the two families most served here, whatever the language."""
    low, high = sorted((gemma, qwen))

    assert low * 0.7 <= guess(text) <= high * 1.3


def test_reviews_are_guessed_within_five_percent() -> None:
    """The sample's 400 reviews: 8,119 tokens by Gemma 3's tokenizer, 8,063 by Qwen 3.5's."""
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        text = "\n".join(row["text"] for row in csv.DictReader(file))

    assert guess(text) == pytest.approx(8_100, rel=0.05)


def test_the_built_in_model_needs_more_for_other_languages() -> None:
    """Its small vocabulary is English, so a guess for a large one would be far too low."""
    english, hindi = COUNTED[0][0], COUNTED[3][0]

    assert guess(english, "embedded") == guess(english, "ollama")
    assert guess(hindi, "embedded") > 2 * guess(hindi, "ollama")


def test_a_chat_template_weighs_something() -> None:
    """Each message and the system prompt have marks around them, except in Gemini's count."""
    system = "be brief"
    alone, both = guess("hello", "vllm"), guess("hello", "vllm", system=system)

    assert alone == guess("hello") + AROUND
    assert both - alone == MESSAGE_TOKENS + round(len("bebrief") / 4)
    assert guess("hello", "embedded", raw=True) == guess("hello")


def test_history_is_counted() -> None:
    """Every turn so far is a part of the prompt."""
    turns = tuple(Message("user", "hello there") for _ in range(10))
    whole = about(Request("m", turns), "ollama")

    assert whole is not None
    assert whole - ANSWER_TOKENS == pytest.approx(10 * (guess("hello there", "ollama") - 3), abs=5)


def test_google_counts_the_schema_too() -> None:
    """There it is read by the model; elsewhere it is a grammar beside it."""
    schema = {"type": "object", "properties": {"label": {"type": "string"}}}

    assert guess("hello", json_schema=schema) > guess("hello") + 15
    assert guess("hello", "vllm", json_schema=schema) == guess("hello", "vllm")


@pytest.mark.parametrize(
    ("model", "resolution", "tokens"),
    [
        ("gemini-3.1-flash-lite", None, 1120),
        ("gemini-3.1-flash-lite", "low", 280),
        ("gemini-3.1-flash-lite", "medium", 560),
        ("gemini-3.1-flash-lite", "high", 1120),
        ("gemini-2.5-flash-lite", None, 256),
        ("gemini-2.5-flash-lite", "low", 64),
    ],
)
def test_a_picture_weighs_what_google_says(model: str, resolution: Any, tokens: int) -> None:
    """By family and resolution, whatever the picture's size."""
    message = Message("user", "", (PICTURE, PICTURE))

    assert about(Request(model, (message,), media_resolution=resolution), "gemini") == 2 * tokens


def test_a_picture_elsewhere_weighs_as_gemmas() -> None:
    """256 tokens beside the message's own."""
    message = Message("user", "", (PICTURE,))

    assert about(Request("gemma3:4b", (message,)), "ollama") == 256 + AROUND


@pytest.mark.parametrize("mime", ["audio/mp3", "video/mp4", "application/pdf"])
def test_sound_film_and_pdf_are_unknown(mime: str) -> None:
    """Seconds and pages cannot be read off the bytes, and a made-up number is worse than none."""
    message = Message("user", "listen", (Media(mime, b"x" * 100_000),))

    assert about(Request("gemini-3.1-flash-lite", (message,)), "gemini") is None


@given(st.text(max_size=300), st.text(max_size=300))
def test_more_text_never_weighs_less(text: str, more: str) -> None:
    """Any characters at all can be weighed, and none weighs more than a token."""
    assert 0 <= guess(text) <= guess(text + "." + more)
    assert guess(text) <= len(text) + 1
