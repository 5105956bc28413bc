"""The volume from which renting costs no more than the API, in a closed form."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lib.core.rental import Offer, ceiling

MOST_GPUS = 10_000


@dataclass(frozen=True, slots=True)
class BreakEven:
    """`always` from the first token, `reached` at `tokens_per_month` with `gpus`, or neither."""

    state: Literal["always", "reached", "not_reached"]
    tokens_per_month: Decimal | None
    gpus: int | None
    reason: str


def not_reached(reason: str) -> BreakEven:
    return BreakEven("not_reached", None, None, reason)


def break_even(offer: Offer, api_usd_per_token: Decimal) -> BreakEven:
    """Where the API's bill reaches that of the fewest GPUs that can serve so much.

    With n GPUs both bills are equal at v = max((n × floor + labour) / api,
    (n × start + labour) / (api − token)), and n serve n × usable: v ≤ n × usable gives n.
    """
    floor, start, labour = offer.floor_usd, offer.start_usd, offer.labour_usd
    gain = api_usd_per_token - offer.token_usd
    if not floor and not start and not labour:
        return _without_fixed_part(gain)
    if gain < 0 or (not gain and (start or labour)):
        return not_reached(
            "A token costs as much on the rented GPU as at the API, or more, before any fixed cost."
        )
    gpus = max(
        _gpus_that_pay(api_usd_per_token * offer.usable, floor, labour),
        _gpus_that_pay(gain * offer.usable, start, labour),
    )
    if gpus > MOST_GPUS:
        return not_reached(_why_not(api_usd_per_token, offer))
    tokens = (gpus * floor + labour) / api_usd_per_token
    if gain:
        tokens = max(tokens, (gpus * start + labour) / gain)
    reason = f"At this volume both bills are equal, and {_cards(gpus)} can serve it."
    return BreakEven("reached", tokens, gpus, reason)


def _without_fixed_part(gain: Decimal) -> BreakEven:
    if gain > 0:
        reason = "Renting has no fixed part and every token is cheaper than at the API."
        return BreakEven("always", Decimal(0), 1, reason)
    return not_reached("Renting has no fixed part, but no token is cheaper than at the API.")


def _gpus_that_pay(gain_usd: Decimal, fixed_usd: Decimal, labour_usd: Decimal) -> int:
    """The fewest GPUs that, all used, earn their own fixed cost and the labour."""
    left = gain_usd - fixed_usd
    if abs(left) <= fixed_usd * Decimal("1e-13"):
        left = Decimal(0)
    if left < 0 or (not left and labour_usd):
        return MOST_GPUS + 1
    return max(1, ceiling(labour_usd / left)) if left else 1


def _why_not(api_usd_per_token: Decimal, offer: Offer) -> str:
    rent = max(offer.floor_usd, offer.usable * offer.token_usd + offer.start_usd)
    if api_usd_per_token * offer.usable > rent:
        return f"Even {MOST_GPUS:,} GPUs do not earn the labour that is paid besides their rent."
    return (
        "All that one GPU can serve costs no more at the API than its rent, and each further "
        "GPU costs as much as the first."
    )


def _cards(gpus: int) -> str:
    return "one GPU" if gpus == 1 else f"{gpus:,} GPUs"
