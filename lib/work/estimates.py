"""Estimates over the dated tables: what the API and the page both ask for."""

from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from lib.core.api_cost import api_price
from lib.core.assumptions import TIERS, ApiTerms, Assumptions
from lib.core.claims import Claim
from lib.core.errors import BadInput
from lib.core.estimate import Estimate, estimate
from lib.core.estimate_input import parse
from lib.core.rental import Offer, offer, tokens_per_second
from lib.core.sensitivity import Change, sensitivity
from lib.core.sweep import Sweep, sweep, typical_rents
from lib.store import claims_table, estimate_tables
from lib.work.app import App


def today() -> date:
    return datetime.now(UTC).date()


def run(app: App, body: object) -> Estimate:
    """The estimate of a body as `POST /api/estimate` takes it; BadInput names the wrong field."""
    return of(app, parse(body))


def of(app: App, assumptions: Assumptions) -> Estimate:
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    return estimate(assumptions, gpus, models, app.prices, today())


def api_lines(app: App, found: Estimate) -> dict[str, Decimal]:
    """USD per token of this mix by tier, and all through the Batch API; unpriced ones left out."""
    given, lines = found.assumptions, {}
    terms: dict[str, ApiTerms] = {
        tier: replace(given.api, tier=tier, batch_share=Decimal(0)) for tier in TIERS
    }
    terms["batch"] = replace(given.api, tier="standard", batch_share=Decimal(1))
    for name, one in terms.items():
        with suppress(BadInput):
            lines[name] = api_price(given.work, one, app.prices, today()).usd_per_token
    return lines


def band(found: Estimate) -> tuple[Offer, Offer] | None:
    """The GPU's month at its worst and best: slow and typically priced, fast and cheap.

    None when it does not fit. A rent outside the table's range counts on both sides.
    """
    if found.offer is None:
        return None
    given, decode, prefill = found.assumptions, found.speeds.decode, found.speeds.prefill
    gpu, rent = estimate_tables.gpus()[given.local.gpu], given.rental.usd_per_hour
    dear = replace(given.rental, usd_per_hour=max(rent, gpu.usd_per_hour_typical or rent))
    cheap = replace(given.rental, usd_per_hour=min(rent, gpu.usd_per_hour_low or rent))
    slow = tokens_per_second(given.work, decode.low, prefill.low)
    fast = tokens_per_second(given.work, decode.high, prefill.high)
    return offer(dear, slow), offer(cheap, fast)


def ranking(found: Estimate) -> Sweep:
    """Every GPU and model at the volume asked for, each at its typical rent."""
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    volume = [float(found.assumptions.work.tokens_per_month)]
    return sweep(found.assumptions, gpus, models, typical_rents(gpus), volume)


def moves(app: App, found: Estimate) -> tuple[Change, ...]:
    """What moves the answer, widest first."""
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    return sensitivity(found.assumptions, gpus, models, app.prices, today())


def flat(assumptions: Assumptions) -> dict[str, object]:
    """Every assumption by its dotted name."""
    parts = asdict(assumptions)
    return {f"{part}.{name}": value for part in parts for name, value in parts[part].items()}


def claims(app: App) -> tuple[Claim, ...]:
    """The guide's claims, recomputed at today's prices."""
    return claims_table.claims(app.prices, today())
