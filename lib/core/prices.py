"""What a call to an API costs: price = f(model, date, tier, prompt length, modality), in USD.

Standard prices come from the package genai-prices (offline, dated, MIT); what it lacks or prices
silently as standard (Google's flex and priority tiers) comes from our own rows.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

from lib.core.chat import Media, Request, Usage

MTOK = Decimal(1_000_000)
STANDARD, BATCH = "standard", "batch"

# genai-prices knows Google's batch prices from this day on, and they were compared on it; before
# it, it silently answers with the standard ones.
BATCH_SINCE = date(2026, 10, 14)

# Upper bounds for a reservation, in tokens. A token of text is at least one UTF-8 byte. An image is
# 1,120 tokens on Gemini 3 (media-resolution page, 2026-11-22). Sound and film are bounded through
# their bytes: 32 and about 100 tokens a second at the lowest usual bit rates, a PDF page likewise.
IMAGE_TOKENS = 1120
MEDIA_BYTES_PER_TOKEN = 16
MESSAGE_TOKENS = 16  # roles and separators around each message


@dataclass(frozen=True, slots=True)
class Source:
    """Where a price stands and when somebody last compared it."""

    url: str
    checked: date


@dataclass(frozen=True, slots=True)
class Override:
    """A price genai-prices does not know, from `valid_from` on, in USD per million tokens."""

    model: str
    tier: str
    item: Literal["input", "input_audio", "output", "cached"]
    usd_per_mtok: Decimal
    valid_from: date
    source: Source


@dataclass(frozen=True, slots=True)
class Price:
    """The headline price of a model on a day, for prompts without audio or cache."""

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    source: Source


@dataclass(frozen=True, slots=True)
class Rates:
    """What the parts of a call cost in USD per million tokens, for prompts below any surcharge.

    `cached_usd_per_mtok` and `audio_usd_per_mtok` None: nobody knows it.
    """

    input_usd_per_mtok: Decimal
    cached_usd_per_mtok: Decimal | None
    output_usd_per_mtok: Decimal
    source: Source
    audio_usd_per_mtok: Decimal | None = None


class PriceList:
    """`checked` says for which models somebody compared the price with its source, and when."""

    def __init__(self, overrides: tuple[Override, ...], checked: Mapping[str, Source]) -> None:
        self._overrides, self._checked = overrides, checked

    def cost(self, usage: Usage, model: str, on: datetime, tier: str = STANDARD) -> Decimal | None:
        """USD of one Gemini call, or None when a needed price or count is unknown.

        `usage.input_tokens` holds its cached and audio parts, `output_tokens` its thinking.
        Unknown is also which part of the sound was cached, and a part above its whole.
        """
        if None in (usage.input_tokens, usage.output_tokens, usage.cached_tokens):
            return None
        cached, audio = usage.cached_tokens or 0, usage.input_audio_tokens or 0
        if (cached and audio) or cached + audio > (usage.input_tokens or 0):
            return None
        if tier not in (STANDARD, BATCH):
            return self._tier_cost(usage, model, on.date(), tier)
        if tier == BATCH and on.date() < BATCH_SINCE:
            return None
        return _standard_cost(usage, model, on, tier == BATCH)

    def price(self, model: str, on: date) -> Price | None:
        """The standard price of a Gemini model, None when nobody knows it."""
        source = self._checked.get(model)
        noon = datetime.combine(on, time(12), UTC)
        # A thousand tokens: below every long-prompt surcharge.
        rates = [
            _standard_cost(usage, model, noon)
            for usage in (Usage(1000, 0, 0, 0), Usage(0, 1000, 0, 0))
        ]
        if source is None or rates[0] is None or rates[1] is None:
            return None
        return Price(rates[0] * 1000, rates[1] * 1000, source)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models somebody compared the price of."""
        return tuple(self._checked)

    def rates(self, model: str, on: date, tier: str = STANDARD) -> Rates | None:
        """Rates of a listed model in a tier or in `batch`, None when nobody knows them."""
        if model not in self._checked:
            return None
        if tier not in (STANDARD, BATCH):
            return self._tier_rates(model, on, tier)
        if tier == BATCH and on < BATCH_SINCE:
            return None
        noon = datetime.combine(on, time(12), UTC)
        parts = (
            Usage(1000, 0, 0, 0),
            Usage(1000, 0, 0, 1000),
            Usage(0, 1000, 0, 0),
            Usage(1000, 0, 0, 0, 1000),
        )
        found = [_standard_cost(usage, model, noon, tier == BATCH) for usage in parts]
        if found[0] is None or found[1] is None or found[2] is None:
            return None
        checked = self._checked[model]
        source = replace(checked, checked=BATCH_SINCE) if tier == BATCH else checked
        audio = None if found[3] is None else found[3] * 1000
        return Rates(found[0] * 1000, found[1] * 1000, found[2] * 1000, source, audio)

    def worst_case(
        self, request: Request, context_tokens: int | None, on: datetime, tier: str = STANDARD
    ) -> Decimal:
        """The most a Gemini request could cost in USD; infinite when its price is unknown."""
        tokens = worst_input_tokens(request, context_tokens)
        audio = min(tokens, sum(_audio_tokens(part) for m in request.messages for part in m.media))
        cost = self.cost(Usage(tokens, request.max_tokens, 0, 0, audio), request.model, on, tier)
        return Decimal("Infinity") if cost is None else cost

    def _tier_cost(self, usage: Usage, model: str, on: date, tier: str) -> Decimal | None:
        audio, cached = usage.input_audio_tokens or 0, usage.cached_tokens or 0
        counts = {
            "input": (usage.input_tokens or 0) - audio - cached,
            "input_audio": audio,
            "cached": cached,
            "output": usage.output_tokens or 0,
        }
        rates = self._rates(model, on, tier)
        if any(count and item not in rates for item, count in counts.items()):
            return None
        return sum(
            (count * rates[item] / MTOK for item, count in counts.items() if count), Decimal(0)
        )

    def _tier_rates(self, model: str, on: date, tier: str) -> Rates | None:
        rates = self._rates(model, on, tier)
        sources = [row.source for row in self._overrides if (row.model, row.tier) == (model, tier)]
        if "input" not in rates or "output" not in rates:
            return None
        oldest = min(sources, key=lambda source: source.checked)
        cached, audio = rates.get("cached"), rates.get("input_audio")
        return Rates(rates["input"], cached, rates["output"], oldest, audio)

    def _rates(self, model: str, on: date, tier: str) -> dict[str, Decimal]:
        rows = [
            row
            for row in self._overrides
            if (row.model, row.tier) == (model, tier) and row.valid_from <= on
        ]
        return {row.item: row.usd_per_mtok for row in sorted(rows, key=lambda row: row.valid_from)}


def _standard_cost(usage: Usage, model: str, on: datetime, batch: bool = False) -> Decimal | None:
    # Rows of a job repeat the same counts, and prices change on the hour at the earliest.
    return _hourly_cost(usage, model, on.replace(minute=0, second=0, microsecond=0), batch)


@functools.lru_cache(maxsize=4096)
def _hourly_cost(usage: Usage, model: str, on: datetime, batch: bool) -> Decimal | None:
    # Imported here: its tables take half a second, and only API models need them.
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens or None,
        input_audio_tokens=usage.input_audio_tokens or None,
    )
    try:
        found = calc_price(
            counted,
            model,
            provider_id="google",
            genai_request_timestamp=on,
            price_context={"processing": "batch"} if batch else None,
        )
    except LookupError:
        return None
    return found.total_price


def worst_input_tokens(request: Request, context_tokens: int | None) -> int:
    """The most input tokens a request can be; never more than fit into the model."""
    texts = [request.system, *(message.text for message in request.messages)]
    if request.json_schema is not None:  # Google counts it as input
        texts.append(json.dumps(request.json_schema))
    text = sum(len(part.encode()) + MESSAGE_TOKENS for part in texts)
    media = sum(_media_tokens(part) for message in request.messages for part in message.media)
    return min(text + media, context_tokens) if context_tokens else text + media


def _media_tokens(media: Media) -> int:
    if media.modality == "image":
        return IMAGE_TOKENS
    return len(media.data) // MEDIA_BYTES_PER_TOKEN + IMAGE_TOKENS


def _audio_tokens(media: Media) -> int:
    """What may be priced as sound; a film has a sound track."""
    return _media_tokens(media) if media.modality in ("audio", "video") else 0


def machine_cost(usd_per_hour: Decimal | None, busy_s: float) -> Decimal | None:
    """What a local answer costs: the machine's price for the seconds it was busy; None unpriced."""
    return None if usd_per_hour is None else usd_per_hour * Decimal(str(busy_s)) / 3600
