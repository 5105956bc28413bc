"""What the two Google SDKs share: how Gemini counts, ends and refuses, whichever SDK carries it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lib.core.chat import Finish, Request, Usage
from lib.core.errors import AppError, BadInput, QuotaExhausted
from lib.providers.wire import from_status

WHO = "Gemini"
ROOT = "https://generativelanguage.googleapis.com"
LOOK_UP_S = 5.0  # longest wait for a question that is no generation
MOST_STOPS = 5  # GenerationConfig.stop_sequences of google.ai.generativelanguage_v1beta

# Reasons of google-genai 3.4 (`types.FinishReason`); the retired SDK knows a part of them.
_REFUSED = {
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
}  # fmt: skip
_FINISH = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    **dict.fromkeys(_REFUSED, Finish.REFUSED),
}


def check(request: Request) -> None:
    """Refuse, unsent, what Gemini is known not to take."""
    if len(request.stop) > MOST_STOPS:
        raise BadInput(
            f"stop: {WHO} takes at most {MOST_STOPS} texts, not {len(request.stop)}.",
            hint="Leave some of them out, or choose another model.",
        )


def mime(request: Request) -> str | None:
    """The form of answer that goes with the request's schema, or with its choices."""
    if request.choices:
        return "text/x.enum"
    return "application/json" if request.json_schema else None


def finish(reason: str | None) -> Finish:
    """`reason` is the enum's name; none at all is a stream that was cut."""
    if reason in (None, "", "FINISH_REASON_UNSPECIFIED"):
        return Finish.INCOMPLETE
    return _FINISH.get(str(reason), Finish.ERROR)


def usage(
    prompt: int | None, candidates: int | None, total: int | None,
    *, thoughts: int | None = None, cached: int | None = None, audio: int | None = None,
) -> Usage:  # fmt: skip
    """Counts of one usageMetadata. Google leaves zeros out, so an absent count is 0.

    The total is prompt + candidates + thoughts (no tools are used here), which is how the thinking
    tokens are known even to the retired SDK, whose messages have no field for them.
    """
    prompt, candidates = prompt or 0, candidates or 0
    thinking = max(0, total - prompt - candidates) if total else thoughts or 0
    return Usage(prompt, candidates + thinking, thinking, cached or 0, audio or 0)


def error(
    status: int,
    model: str,
    details: Iterable[Mapping[str, Any]] = (),
    retry_after_s: float | None = None,
) -> AppError:
    """Google's status and error details (RetryInfo, QuotaFailure, ErrorInfo as dicts)."""
    details = list(details)
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return from_status(401, WHO, model)
    if status == 429 and any("PerDay" in quota for quota in _quotas(details)):
        return QuotaExhausted(f"This key's daily quota for {model} is used up.")
    delays = [_seconds(str(detail["retryDelay"])) for detail in details if "retryDelay" in detail]
    down = "Google's service is busy or down; try again in a minute."
    return from_status(status, WHO, model, next(iter(delays), retry_after_s), down)


def _quotas(details: list[Mapping[str, Any]]) -> list[str]:
    violations = [violation for detail in details for violation in detail.get("violations", ())]
    return [str(violation.get("quotaId", "")) for violation in violations]


def _seconds(delay: str) -> float | None:
    """«37s» or «1.5s» of a protobuf Duration."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", delay)
    return float(match[1]) if match else None
