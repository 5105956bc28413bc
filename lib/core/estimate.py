"""The estimate: both bills of a month, where they meet, and how they grow with the volume."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from lib.core.api_cost import ApiPrice, api_price
from lib.core.assumptions import Assumptions, Rent
from lib.core.break_even import BreakEven, break_even, not_reached
from lib.core.cautions import cautions
from lib.core.errors import BadInput
from lib.core.estimate_input import MOST
from lib.core.prices import MTOK, PriceList
from lib.core.rental import HOUR_S, Offer, offer, tokens_per_second
from lib.core.throughput import Gpu, LocalModel, Speed, Speeds, speeds

# The series: ten steps to each factor of ten, from a hundredth of the volume to its hundredfold.
STEPS = range(-20, 21)
POINTS = 21
START_TOKENS = Decimal(1_000_000)  # a series needs somewhere to go when the volume is 0
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Point:
    """Both bills at a volume; the local side is None when the model does not fit."""

    tokens_per_month: Decimal
    api_usd: Decimal
    local_usd: Decimal | None
    gpus: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What follows from the assumptions; `offer` None: the model does not fit on the GPU."""

    assumptions: Assumptions
    api: ApiPrice
    speeds: Speeds
    offer: Offer | None
    warnings: tuple[str, ...]
    break_even: BreakEven
    series: tuple[Point, ...]

    @property
    def now(self) -> Point:
        """The bills at the volume asked for."""
        return point(self.assumptions.work.tokens_per_month, self.api, self.offer)

    @property
    def required_tok_s(self) -> Decimal | None:
        return required_tok_s(self.assumptions.rental, self.api)


def estimate(
    assumptions: Assumptions,
    gpus: Mapping[str, Gpu],
    models: Mapping[str, LocalModel],
    prices: PriceList,
    on: date,
) -> Estimate:
    """Everything, with the prices of a day; BadInput names what is unknown or unpriced."""
    work, machine = assumptions.work, assumptions.local
    api = api_price(work, assumptions.api, prices, on)
    model = known(models, machine.model, "local.model")
    gpu = known(gpus, machine.gpu, "local.gpu")
    found = speeds(work, machine, gpu, model)
    ours = local_offer(assumptions, found)
    warnings = cautions(assumptions, found, gpu, model)
    meeting = break_even(ours, api.usd_per_token) if ours else not_reached(warnings[0])
    series = tuple(point(tokens, api, ours) for tokens in volumes_around(work.tokens_per_month))
    return Estimate(assumptions, api, found, ours, warnings, meeting, series)


def known(rows: Mapping[str, Row], name: str, field: str) -> Row:
    if name not in rows:
        raise BadInput(f"{field}: one of {', '.join(rows)} is needed.")
    return rows[name]


def local_offer(assumptions: Assumptions, found: Speeds) -> Offer | None:
    if not found.fits:
        return None
    served = tokens_per_second(assumptions.work, found.decode.value, found.prefill.value)
    return offer(assumptions.rental, served)


def point(tokens: Decimal, api: ApiPrice, ours: Offer | None) -> Point:
    if ours is None:
        return Point(tokens, api.usd(tokens), None, None)
    return Point(tokens, api.usd(tokens), ours.usd(tokens), ours.gpus(tokens))


def required_tok_s(rent: Rent, api: ApiPrice) -> Decimal | None:
    """Tokens a second at which a GPU that is always busy costs as much per token as the API."""
    if not api.usd_per_token:
        return None
    return rent.usd_per_hour_with_fee / api.usd_per_token / HOUR_S


def volumes_around(tokens: Decimal) -> tuple[Decimal, ...]:
    """Rising whole volumes around one, itself included; none that could not be asked for."""
    asked = tokens.to_integral_value()
    middle, most = asked or START_TOKENS, max(asked, Decimal(MOST))
    steps = {(middle * Decimal(10) ** (Decimal(step) / 10)).to_integral_value() for step in STEPS}
    volumes = {volume for volume in steps if volume <= most} | {asked}
    following = asked
    while len(volumes) < POINTS:  # small volumes lie too close together for so many steps
        following += 1
        volumes.add(following)
    return tuple(sorted(volumes))


def as_answer(found: Estimate) -> dict[str, Any]:
    """The JSON object of the API; BadInput when a figure is too large for a JSON number."""
    work, now, meeting = found.assumptions.work, found.now, found.break_even
    return {
        "api": {
            "usd_per_month": number(now.api_usd),
            "usd_per_mtok": number(found.api.usd_per_mtok),
            "price_source": found.api.source.url,
            "price_date": found.api.source.checked.isoformat(),
        },
        "local": _local(found, work.tokens_per_month),
        "break_even": {
            "state": meeting.state,
            "tokens_per_month": number(meeting.tokens_per_month),
            "gpus": meeting.gpus,
            "reason": meeting.reason,
        },
        "required_tok_s": number(found.required_tok_s),
        "series": [_point(one) for one in found.series],
    }


def _local(found: Estimate, tokens: Decimal) -> dict[str, Any]:
    now, ours = found.now, found.offer
    per_mtok = now.local_usd / tokens * MTOK if now.local_usd is not None and tokens else None
    return {
        "fits": found.speeds.fits,
        "gpus": whole(now.gpus),
        "usd_per_month": number(now.local_usd),
        "usd_per_mtok": number(per_mtok),
        "utilisation": number(ours.utilisation(tokens) if ours else None),
        "hours_needed": number(tokens * ours.hours_per_token if ours else None),
        "max_concurrency": found.speeds.max_concurrency,
        "decode_tok_s": _speed(found.speeds.decode),
        "prefill_tok_s": _speed(found.speeds.prefill),
        "capacity_tokens_per_month": number(ours.capacity if ours else None),
        "warnings": list(found.warnings),
    }


def _speed(speed: Speed) -> dict[str, Any]:
    band = {name: number(getattr(speed, name)) for name in ("value", "low", "high")}
    return {**band, "source": speed.source}


def _point(one: Point) -> dict[str, Any]:
    return {
        "tokens_per_month": whole(int(one.tokens_per_month)),
        "api_usd": number(one.api_usd),
        "local_usd": number(one.local_usd),
        "gpus": whole(one.gpus),
    }


def number(value: Decimal | None) -> float | None:
    if value is None:
        return None
    plain = float(value)
    if not math.isfinite(plain):
        raise BadInput("These numbers lead to results too large to write down.")
    return plain


def whole(value: int | None) -> int | None:
    if value is not None:
        number(Decimal(value))
    return value
