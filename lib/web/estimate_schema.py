"""What /api/estimate takes and answers, for /api/docs; `lib/core/estimate_input.py` judges."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from lib.core.assumptions import ENGINES, HOURS_PER_MONTH, MODES, TIERS
from lib.core.estimate_input import MOST
from lib.web.openapi import closed, or_null

EXAMPLE = {
    "tokens_per_month": 100_000_000,
    "input_share": 0.5,
    "input_tokens": 500,
    "api": {"model": "gemini/gemini-3.1-flash-lite"},
    "local": {"model": "gemma3:4b", "engine": "ollama", "gpu": "RTX 3060 12GB"},
    "rental": {"mode": "always_on", "usd_per_hour": 0.25},
}


def _number(default: float | None = None, least: float = 0, most: float = MOST) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "number", "minimum": least, "maximum": most}
    return found if default is None else {**found, "default": default}


def _above_0(default: float | None = None, most: float = MOST) -> dict[str, Any]:
    found = _number(default, most=most)
    return {"exclusiveMinimum": found.pop("minimum"), **found}


def _one_of(names: Iterable[str], default: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string", "enum": list(names)}
    return found if default is None else {**found, "default": default}


_GIVEN = {"type": "number"}
_VOLUME = [  # one of the two, and what a request consists of
    {
        "required": ["tokens_per_month"],
        "properties": {"tokens_per_month": _GIVEN, "requests_per_month": {"type": "null"}},
    },
    {
        "required": ["requests_per_month", "output_tokens"],
        "properties": {
            "tokens_per_month": {"type": "null"},
            "requests_per_month": _GIVEN,
            "output_tokens": _GIVEN,
        },
    },
]


def estimate_body(
    api_models: Iterable[str], local_models: Iterable[str], gpus: Iterable[str]
) -> dict[str, Any]:
    """The schema of the body, with the models and GPUs there are figures for."""
    api = {
        "model": _one_of(api_models),
        "tier": _one_of(TIERS, "standard"),
        "cached_share": _number(0, most=1),
        "batch_share": _number(0, most=1),
        "retry_share": _number(0, most=1),
    }
    local = {
        "model": _one_of(local_models),
        "engine": _one_of(ENGINES),
        "gpu": _one_of(gpus),
        "concurrency": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 4},
        "decode_tok_s": or_null(_above_0()),
        "prefill_tok_s": or_null(_above_0()),
    }
    return closed(
        _WORK
        | {
            "api": closed(api, "model"),
            "local": closed(local, "model", "engine", "gpu"),
            "rental": closed(_RENTAL, "mode", "usd_per_hour"),
        },
        "input_tokens", "api", "local", "rental",
        oneOf=_VOLUME,
    )  # fmt: skip


_WORK = {
    "tokens_per_month": or_null(_number()),
    "requests_per_month": or_null(_number()),
    "input_share": {
        **or_null(_number(most=1)),
        "description": "Of the tokens; without it input_tokens and output_tokens say it.",
    },
    "input_tokens": {**_number(), "description": "Of a request; above 0 if input has a share."},
    "output_tokens": {
        **or_null(_number()),
        "description": "Of a request; needed where no input_share above 0 is given.",
    },
    "images_per_request": _number(0),
    "audio_seconds_per_request": _number(0),
}
_RENTAL = {
    "mode": _one_of(MODES),
    "usd_per_hour": _number(),
    "fee_share": _number(0.05, most=1),
    "active_hours_per_month": _above_0(HOURS_PER_MONTH, most=HOURS_PER_MONTH),
    "peak_to_average": _number(1, least=1),
    "max_utilisation": _above_0(0.6, most=1),
    "sessions_per_month": _number(1),
    "cold_start_hours": _number(0),
    "minimum_hours": _number(0),
    "interruptions_per_hour": _number(0),
    "labour_usd_per_month": _number(0),
}


class ApiBill(BaseModel):
    usd_per_month: float
    usd_per_mtok: float
    price_source: str
    price_date: date


class SpeedShape(BaseModel):
    """Tokens a second over all streams, with the band the model is trusted within."""

    value: float
    low: float
    high: float
    source: Literal["measured", "modelled"]


class LocalBill(BaseModel):
    """null wherever the model does not fit on the GPU; `warnings` then begin with the reason."""

    fits: bool
    gpus: int | None
    usd_per_month: float | None
    usd_per_mtok: float | None
    utilisation: float | None
    hours_needed: float | None
    max_concurrency: int
    decode_tok_s: SpeedShape
    prefill_tok_s: SpeedShape
    capacity_tokens_per_month: float | None = Field(description="of one GPU")
    warnings: list[str]


class BreakEvenShape(BaseModel):
    state: Literal["always", "reached", "not_reached"]
    tokens_per_month: float | None
    gpus: int | None
    reason: str


class PointShape(BaseModel):
    tokens_per_month: int
    api_usd: float
    local_usd: float | None
    gpus: int | None


class EstimateAnswer(BaseModel):
    """Both bills of a month in US dollars, where they meet, and how they grow."""

    api: ApiBill
    local: LocalBill
    break_even: BreakEvenShape
    required_tok_s: float | None
    series: list[PointShape] = Field(description="21 or more rising volumes around yours")


class ClaimShape(BaseModel):
    """A figure of the guide beside what follows today; `formula` is empty for a sourced fact."""

    table: str
    row: str
    claim: str
    unit: str | None
    claimed: float | str | None
    recomputed: float | str | None
    formula: str | None
    assumption: str | None
    verdict: Literal[
        "right", "partly right", "plausible", "low", "high", "unsupported", "unverified",
        "impossible", "wrong",
    ]  # fmt: skip
    why: str | None
    source: str
    checked: date


class ClaimsAnswer(BaseModel):
    claims: list[ClaimShape]
