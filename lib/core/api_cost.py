"""What the month's work costs at the API, exact for the given numbers and the day's prices."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lib.core.assumptions import API_IMAGE_TOKENS, AUDIO_TOKENS_PER_SECOND, ApiTerms, Work
from lib.core.errors import BadInput
from lib.core.prices import BATCH, MTOK, PriceList, Rates, Source


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """USD for one text token of this mix, pictures, batches, caching and retries included."""

    usd_per_token: Decimal
    source: Source

    def usd(self, tokens: Decimal) -> Decimal:
        return tokens * self.usd_per_token

    @property
    def usd_per_mtok(self) -> Decimal:
        return self.usd_per_token * MTOK


def api_price(work: Work, terms: ApiTerms, prices: PriceList, on: date) -> ApiPrice:
    """The price of a token on a day; BadInput names the field whose price nobody knows.

    Free tier, cache storage and grounding are left out.
    """
    model = _known_model(terms.model, prices)
    single = _rates(prices, model, on, terms.tier, "api.tier")
    usd = _request_usd(work, terms, single) * (1 - terms.batch_share)
    source = single.source
    if terms.batch_share:
        batch = _rates(prices, model, on, BATCH, "api.batch_share")
        usd += _request_usd(work, terms, batch) * terms.batch_share
        source = min(source, batch.source, key=lambda one: one.checked)
    return ApiPrice(usd * (1 + terms.retry_share) / work.tokens_per_request, source)


def _request_usd(work: Work, terms: ApiTerms, rates: Rates) -> Decimal:
    """Pictures are input at the full rate, sound at its own: neither is ever cached."""
    cached = work.input_tokens * terms.cached_share
    fresh = work.input_tokens - cached + work.images_per_request * API_IMAGE_TOKENS
    usd = fresh * rates.input_usd_per_mtok + work.output_tokens * rates.output_usd_per_mtok
    if work.audio_seconds_per_request:
        if rates.audio_usd_per_mtok is None:
            raise BadInput("audio_seconds_per_request: nobody knows this model's price of sound.")
        sound = work.audio_seconds_per_request * AUDIO_TOKENS_PER_SECOND
        usd += sound * rates.audio_usd_per_mtok
    if cached:
        if rates.cached_usd_per_mtok is None:
            raise BadInput("api.cached_share: nobody knows what this model's cached input costs.")
        usd += cached * rates.cached_usd_per_mtok
    return usd / MTOK


def _known_model(name: str, prices: PriceList) -> str:
    model = name.removeprefix("gemini/")
    if model not in prices.models:
        known = ", ".join(f"gemini/{known}" for known in prices.models)
        raise BadInput(f"api.model: one of {known} is needed.")
    return model


def _rates(prices: PriceList, model: str, on: date, tier: str, field: str) -> Rates:
    rates = prices.rates(model, on, tier)
    if rates is None:
        raise BadInput(f"{field}: nobody knows the {tier} price of {model} on {on}.")
    return rates
