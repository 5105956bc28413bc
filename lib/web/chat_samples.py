"""Something to begin with: the guide's six uses with prompts of our own, and three pictures."""

import functools
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from lib.core.chat import Media, Request
from lib.core.media import read_media
from lib.web.texts import _

FOLDER = Path(__file__).with_name("samples")


@dataclass(frozen=True, slots=True)
class Use:
    """Settings that suit a use, and prompts that show it; `options` has no messages."""

    key: str
    title: str
    about: str
    options: Request
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """`key` is also the file's name; `alt` says what is to be seen."""

    key: str
    alt: str
    prompt: str


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _options(
    system: str, most: int, warmth: float, schema: dict[str, Any] | None = None
) -> Request:
    return Request("", (), system=system, max_tokens=most, temperature=warmth, json_schema=schema)


_NUMBERS = {"type": "array", "items": {"type": "integer"}}
_WORD = {"type": "string"}

USES = (
    Use(
        "rerank",
        _("Re-rank search results"),
        _("Puts documents in the order in which they answer a question."),
        _options(
            _("You rank documents. Answer with their numbers, the most useful one first."),
            200,
            0.0,
            _object(ranking=_NUMBERS),
        ),
        (
            _(
                "Question: How do I get my money back?\n\n1. Our offices are open from 9 to 17.\n"
                "2. Refunds are paid within five days after we receive the parcel.\n"
                "3. A return label is in your account under Orders.\n4. We deliver to 24 countries."
            ),
            _(
                "Question: Does the lamp work outdoors?\n\n1. The lamp is 34 cm high and weighs "
                "1.2 kg.\n2. Protection class IP44: splashing water does no harm.\n3. The warranty "
                "is three years.\n4. Use it only with the power supply that comes with it."
            ),
        ),
    ),
    Use(
        "chat",
        _("Answer customers"),
        _("Short, friendly answers in the name of a company."),
        _options(
            _(
                "You answer for an online shop for bicycle parts. Be friendly and brief. When you "
                "do not know something, say so and offer to pass the question on."
            ),
            400,
            0.7,
        ),
        (
            _("My new chain jumps when I pedal hard. What can I check before I send it back?"),
            _("I ordered two weeks ago and heard nothing since. I am getting annoyed."),
        ),
    ),
    Use(
        "classify",
        _("Sort documents"),
        _("One class for each text, as JSON. For whole files there is the page Classify."),
        _options(
            _("You sort the mail of a company. Answer with the class and the reason."),
            200,
            0.0,
            _object(
                category={
                    "type": "string",
                    "enum": ["invoice", "complaint", "application", "other"],
                },
                reason=_WORD,
            ),
        ),
        (
            _(
                "Dear Sir or Madam, please find enclosed our statement no. 2026-118 for the "
                "maintenance in August. The amount of 1,240.00 is due within 14 days."
            ),
            _(
                "For the third time this month the machine arrived with a broken switch. We expect "
                "a replacement by Friday."
            ),
        ),
    ),
    Use(
        "code",
        _("Complete code"),
        _("Goes on where the code stops; deterministic."),
        _options(
            _("You complete code. Answer with the missing lines only, without an explanation."),
            400,
            0.0,
        ),
        (
            'def median(values: list[float]) -> float:\n    """The middle value; the mean of both '
            'when their number is even."""\n',
            "-- customers(id, name), orders(id, customer_id, total, created)\n-- The ten customers "
            "with the highest total of the last 30 days:\nSELECT ",
        ),
    ),
    Use(
        "translate",
        _("Translate"),
        _("Keeps meaning, tone and layout."),
        _options(
            _(
                "You translate into German. Keep the tone, the line breaks and all names. Answer "
                "with the translation only."
            ),
            800,
            0.2,
        ),
        (
            _(
                "Hi team,\nthe launch moves to Thursday, 9 a.m. Nothing else changes.\n"
                "Thanks for your patience!\nMia"
            ),
            _("Press and hold the power button for three seconds until the light turns green."),
        ),
    ),
    Use(
        "moderate",
        _("Moderate comments"),
        _("Decides by rules that you write, and gives a reason, as JSON."),
        _options(
            _(
                "You check comments by these rules: no insults, no personal data, no advertising. "
                "Strong criticism is allowed."
            ),
            200,
            0.0,
            _object(
                decision={"type": "string", "enum": ["allow", "review", "remove"]}, reason=_WORD
            ),
        ),
        (
            _("Worst update ever. The old menu was better and now everything takes two clicks."),
            _("Great prices at cheap-watches dot example!! Call me: 0151 555 0199"),
        ),
    ),
)

PICTURES = (
    Picture(
        "receipt",
        _("A café receipt with five items and a total"),
        _("What was paid in all?"),
    ),
    Picture(
        "chart",
        _("A bar chart of support tickets by topic"),
        _("What share are refunds?"),
    ),
    Picture(
        "street",
        _("A drawn street with houses, a car, a tree and a sign"),
        _("What does the sign say?"),
    ),
)


def use(key: str) -> Use:
    return next(use for use in USES if use.key == key)


@functools.cache
def picture(key: str) -> Media:
    """A sample picture, as if it had been uploaded."""
    return read_media((FOLDER / f"{key}.png").read_bytes(), key)


@functools.cache
def thumbnail(key: str) -> bytes:
    """The picture's upper part in the shape of a card, as PNG."""
    with Image.open(FOLDER / f"{key}.png") as image:
        card = ImageOps.fit(image.convert("RGB"), (300, 210), centering=(0.5, 0.0))
    out = BytesIO()
    card.save(out, "PNG")
    return out.getvalue()
