"""Usual tasks to start from: labels with descriptions, and what to tell the model."""

from dataclasses import dataclass
from typing import Any

from lib.web.texts import _


@dataclass(frozen=True, slots=True)
class Preset:
    instruction: str
    labels: tuple[tuple[str, str], ...]


NONE_OF_THESE = ("none of these", "no other label fits")

PRESETS = {
    _("Sentiment"): Preset(
        "Sentiment of the text, as its writer feels.",
        (
            ("POSITIVE", "the writer is pleased"),
            ("NEGATIVE", "the writer is displeased"),
            ("NEUTRAL", "neither, or both alike"),
        ),
    ),
    _("Document classes"): Preset(
        "Category of the document.",
        (
            ("invoice", "asks for payment of goods or services"),
            ("contract", "terms two sides agree to"),
            ("report", "findings or figures of a period or a study"),
            ("letter", "addressed to a person or an office"),
            ("form", "fields that somebody fills in"),
        ),
    ),
    _("Moderation"): Preset(
        "Category of the message, for moderation. Talking about harm in order to warn or report "
        "is allowed.",
        (
            ("allowed", "nothing that breaks a usual forum's rules"),
            ("harassment", "attacks or threatens a person"),
            ("hate", "demeans people for what they are"),
            ("sexual", "sexual content"),
            ("violence", "praises or plans physical harm"),
            ("self-harm", "encourages or plans harming oneself"),
            ("spam", "advertising or fraud"),
        ),
    ),
    _("Language"): Preset(
        "Language of the text, so that it reaches the right translator.",
        tuple((name, "") for name in ("English", "Hindi", "Chinese", "Russian", "Spanish")),
    ),
    _("Relevance"): Preset(
        "Is the text relevant to this question: «…»? Write your question here.",
        (
            ("relevant", "helps to answer the question"),
            ("irrelevant", "does not help, even if it shares words with it"),
        ),
    ),
    _("Code or not"): Preset(
        "Category of the text.",
        (("code", "source code or a shell command"), ("text", "prose without code")),
    ),
    _("Support requests"): Preset(
        "Topic of the customer's message: the team that should answer it.",
        (
            ("billing", "payments, refunds, invoices"),
            ("technical", "something does not work"),
            ("account", "login, profile, deletion of data"),
            ("sales", "wants to buy or to compare plans"),
        ),
    ),
}


def sample() -> dict[str, Any]:
    """The fields of a draft that fit the sample reviews."""
    preset = PRESETS[_("Sentiment")]
    fields = {"text": "text", "gold": "sentiment", "instruction": preset.instruction}
    return {"labels": list(preset.labels), "fields": fields}
