"""What each single assumption does to both bills, for a tornado chart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from lib.core.api_cost import api_price
from lib.core.assumptions import Assumptions
from lib.core.estimate import local_offer
from lib.core.prices import BATCH, PriceList
from lib.core.throughput import Gpu, LocalModel, speeds

Varied = tuple[str, str, str, Assumptions, Assumptions]

# One input at a time, from a low to a high value that both occur in practice.
RENT_RANGES = {
    "max_utilisation": ("0.3", "0.9"),
    "peak_to_average": ("1", "3"),
    "labour_usd_per_month": ("0", "40"),  # an hour of somebody's time
}
API_RANGES = {"cached_share": ("0", "0.5"), "retry_share": ("0", "0.1")}


@dataclass(frozen=True, slots=True)
class Bills:
    """Both bills of a month in USD; the local one None when the model does not fit."""

    api_usd: Decimal
    local_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """An input, its low and high value as text, and the bills at each."""

    name: str
    low: str
    high: str
    at_low: Bills
    at_high: Bills

    @property
    def swing_usd(self) -> Decimal:
        """The larger of the two bills' changes."""
        return max(abs(self.api_change_usd), abs(self.local_change_usd or Decimal(0)))

    @property
    def api_change_usd(self) -> Decimal:
        return self.at_high.api_usd - self.at_low.api_usd

    @property
    def local_change_usd(self) -> Decimal | None:
        if self.at_high.local_usd is None or self.at_low.local_usd is None:
            return None
        return self.at_high.local_usd - self.at_low.local_usd


def sensitivity(
    assumptions: Assumptions,
    gpus: Mapping[str, Gpu],
    models: Mapping[str, LocalModel],
    prices: PriceList,
    on: date,
) -> tuple[Change, ...]:
    """The inputs that change a bill, widest swing first; names must be known ones."""

    def bills(varied: Assumptions) -> Bills:
        work, machine = varied.work, varied.local
        found = speeds(work, machine, gpus[machine.gpu], models[machine.model])
        ours = local_offer(varied, found)
        api = api_price(work, varied.api, prices, on)
        tokens = work.tokens_per_month
        return Bills(api.usd(tokens), ours.usd(tokens) if ours else None)

    with_batch = prices.rates(assumptions.api.model.removeprefix("gemini/"), on, BATCH) is not None
    changes = [
        Change(name, low, high, bills(at_low), bills(at_high))
        for name, low, high, at_low, at_high in _varied(assumptions, gpus, models, with_batch)
    ]
    telling = [change for change in changes if change.at_low != change.at_high]
    return tuple(sorted(telling, key=lambda change: change.swing_usd, reverse=True))


def _varied(
    assumptions: Assumptions,
    gpus: Mapping[str, Gpu],
    models: Mapping[str, LocalModel],
    with_batch: bool,
) -> Iterator[Varied]:
    yield from _speed(assumptions, gpus, models)
    gpu = gpus[assumptions.local.gpu]
    if gpu.usd_per_hour_low is not None and gpu.usd_per_hour_typical is not None:
        low, high = str(gpu.usd_per_hour_low), str(gpu.usd_per_hour_typical)
        yield _ranged(assumptions, "rental.usd_per_hour", low, high, _rental("usd_per_hour"))
    for name, (low, high) in RENT_RANGES.items():
        yield _ranged(assumptions, f"rental.{name}", low, high, _rental(name))
    ranges = API_RANGES | ({"batch_share": ("0", "1")} if with_batch else {})
    for name, (low, high) in ranges.items():
        yield _ranged(assumptions, f"api.{name}", low, high, _api(name))
    yield _ranged(assumptions, "input_share", "0.2", "0.8", _input_share)
    yield _ranged(assumptions, "images_per_request", "0", "1", _images)
    half, twice = assumptions.work.tokens_per_month / 2, assumptions.work.tokens_per_month * 2
    yield _ranged(assumptions, "tokens_per_month", f"{half:f}", f"{twice:f}", _tokens)


def _speed(
    assumptions: Assumptions, gpus: Mapping[str, Gpu], models: Mapping[str, LocalModel]
) -> Iterator[Varied]:
    """Both ends of the modelled band, as if they had been measured."""
    machine = assumptions.local
    found = speeds(assumptions.work, machine, gpus[machine.gpu], models[machine.model])
    if not found.fits or found.decode.low == found.decode.high:
        return
    slow, fast = (
        replace(machine, decode_tok_s=decode, prefill_tok_s=prefill)
        for decode, prefill in (
            (found.decode.low, found.prefill.low),
            (found.decode.high, found.prefill.high),
        )
    )
    low, high = f"{found.decode.low:.0f}", f"{found.decode.high:.0f}"
    at_low, at_high = replace(assumptions, local=slow), replace(assumptions, local=fast)
    yield "local.decode_tok_s", low, high, at_low, at_high


Setter = Callable[[Assumptions, Decimal], Assumptions]


def _ranged(assumptions: Assumptions, name: str, low: str, high: str, put: Setter) -> Varied:
    return name, low, high, put(assumptions, Decimal(low)), put(assumptions, Decimal(high))


def _rental(name: str) -> Setter:
    def put(given: Assumptions, value: Decimal) -> Assumptions:
        changed: dict[str, Any] = {name: value}
        return replace(given, rental=replace(given.rental, **changed))

    return put


def _api(name: str) -> Setter:
    def put(given: Assumptions, value: Decimal) -> Assumptions:
        changed: dict[str, Any] = {name: value}
        return replace(given, api=replace(given.api, **changed))

    return put


def _input_share(given: Assumptions, value: Decimal) -> Assumptions:
    """Requests keep their length."""
    tokens = given.work.tokens_per_request
    work = replace(given.work, input_tokens=tokens * value, output_tokens=tokens * (1 - value))
    return replace(given, work=work)


def _images(given: Assumptions, value: Decimal) -> Assumptions:
    return replace(given, work=replace(given.work, images_per_request=value))


def _tokens(given: Assumptions, value: Decimal) -> Assumptions:
    return replace(given, work=replace(given.work, tokens_per_month=value))
