"""What one rented GPU serves in a month, how many a volume needs, and what they cost."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from lib.core.assumptions import HOURS_PER_MONTH, Rent, Work

HOUR_S = 3600
# Volumes and speeds come and go as binary fractions: a volume that was computed to be exactly
# what n GPUs serve may lie above it by a few units of the sixteenth digit.
ROUNDING = Decimal("1e-13")


@dataclass(frozen=True, slots=True)
class Offer:
    """One GPU's month in text tokens and hours, and the parts of its bill in USD.

    A month with n GPUs costs max(n × floor, tokens × token_usd + n × start_usd) + labour.
    `usable` is what is left of `capacity` for the peak and the highest utilisation.
    """

    capacity: Decimal
    usable: Decimal
    hours_per_token: Decimal
    floor_usd: Decimal
    start_usd: Decimal
    token_usd: Decimal
    labour_usd: Decimal

    def gpus(self, tokens: Decimal) -> int:
        """The fewest GPUs that serve the volume, at least one."""
        return max(1, ceiling(tokens / self.usable))

    def usd(self, tokens: Decimal) -> Decimal:
        gpus = self.gpus(tokens)
        metered = tokens * self.token_usd + gpus * self.start_usd
        return max(gpus * self.floor_usd, metered) + self.labour_usd

    def utilisation(self, tokens: Decimal) -> Decimal:
        return tokens / (self.gpus(tokens) * self.capacity)


def ceiling(value: Decimal) -> int:
    """The next whole number, unless the value lies above one by rounding alone."""
    nearest = value.to_integral_value()
    if abs(value - nearest) <= nearest * ROUNDING:
        return int(nearest)
    return int(value.to_integral_value(ROUND_CEILING))


def tokens_per_second(work: Work, decode_tok_s: Decimal, prefill_tok_s: Decimal) -> Decimal:
    """Text tokens a GPU serves: reading and writing share it, pictures only take time."""
    seconds = work.gpu_input_tokens / prefill_tok_s + work.output_tokens / decode_tok_s
    return work.tokens_per_request / seconds


def offer(rent: Rent, served_tok_s: Decimal) -> Offer:
    """What a GPU that serves so many tokens a second is worth under these terms."""
    windowed = rent.mode == "window"
    hours = rent.active_hours_per_month if windowed else Decimal(HOURS_PER_MONTH)
    hourly = served_tok_s * HOUR_S
    usable = hourly * hours * rent.max_utilisation
    if rent.mode in ("always_on", "window"):
        usable /= rent.peak_to_average
    per_token = 1 / (hourly * rent.max_utilisation)
    floor, start, token = _parts(rent, per_token)
    labour = rent.labour_usd_per_month
    return Offer(hourly * hours, usable, per_token, floor, start, token, labour)


def _parts(rent: Rent, hours_per_token: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """USD a GPU costs at least, USD its starts cost, USD a token costs."""
    price, sessions = rent.usd_per_hour_with_fee, rent.sessions_per_month
    starting = sessions * rent.cold_start_hours
    if rent.mode == "always_on":
        return HOURS_PER_MONTH * price, HOURS_PER_MONTH * price, Decimal(0)
    if rent.mode == "window":
        fixed = (rent.active_hours_per_month + starting) * price
        return fixed, fixed, Decimal(0)
    if rent.mode == "spot":
        price *= 1 + rent.interruptions_per_hour * rent.cold_start_hours
    return sessions * rent.minimum_hours * price, starting * price, hours_per_token * price
