"""An estimate in sentences somebody can repeat, written from its numbers."""

from decimal import ROUND_HALF_UP, Decimal

from lib.core.assumptions import ENGINE_NAMES, Machine
from lib.core.estimate import Estimate
from lib.core.rental import Offer

HALF, CENT = Decimal("0.5"), Decimal("0.01")
SIZES = ((Decimal(10) ** 12, " T"), (Decimal(10) ** 9, " B"), (Decimal(10) ** 6, " M"))
EQUAL_TOKENS = (
    "The same number of tokens is not the same work: compare the cost of a correct row on your "
    "own data."
)


def sentences(found: Estimate) -> tuple[str, ...]:
    """Both bills, where they meet, how sure the speed is; then what to keep in mind."""
    return (_bills(found), _meeting(found), _speed(found), EQUAL_TOKENS)


def _bills(found: Estimate) -> str:
    work, now = found.assumptions.work, found.now
    volume = f"At {tokens(work.tokens_per_month)} tokens a month, {_share(work.input_share)} input"
    api = f"{volume}, the API costs {money(now.api_usd)}"
    if now.local_usd is None or now.gpus is None or found.offer is None:
        machine = found.assumptions.local
        return f"{api}; {_model(machine)} does not fit on one {machine.gpu}."
    labour = " with labour" if found.offer.labour_usd else ""
    verb = "costs" if now.gpus == 1 else "cost"
    rent = f"{cards(now.gpus, found.assumptions.local.gpu)} {_rented(found, found.offer)}"
    return f"{api}; {rent} {verb} {money(now.local_usd)}{labour}{_busy(found, found.offer)}."


def _model(machine: Machine) -> str:
    return f"{machine.model} under {ENGINE_NAMES[machine.engine]}"


def _rented(found: Estimate, offer: Offer) -> str:
    rent = found.assumptions.rental
    if rent.mode == "always_on":
        return "all month"
    if rent.mode == "window":
        return f"for {hours(rent.active_hours_per_month)} a month"
    needed = found.assumptions.work.tokens_per_month * offer.hours_per_token
    spot = " at spot terms" if rent.mode == "spot" else ""
    return f"for {hours(needed)} of work{spot}"


def _busy(found: Estimate, offer: Offer) -> str:
    """How full a GPU is that is paid whether it works or not."""
    if found.assumptions.rental.mode in ("offline", "spot"):
        return ""
    share = offer.utilisation(found.assumptions.work.tokens_per_month)
    return f" and would be {percent(share)} busy"


def _meeting(found: Estimate) -> str:
    meeting, offer = found.break_even, found.offer
    if offer is None:
        return meeting.reason
    if meeting.state == "always":
        return "Renting wins at every volume: it has no fixed part and each token is cheaper."
    if meeting.tokens_per_month is None or meeting.gpus is None:
        return f"Renting never wins: {meeting.reason[0].lower()}{meeting.reason[1:]}"
    start, full = meeting.tokens_per_month, meeting.gpus * offer.usable
    count = "" if meeting.gpus == 1 else f", with {meeting.gpus:,} GPUs"
    if found.api.usd(full) >= _next_bill(offer, meeting.gpus, full):
        return f"Renting wins from {tokens(start)} tokens on{count}."
    until = f"from {tokens(start)} to {tokens(full)} tokens{count}"
    return f"Renting wins {until}; above that one more GPU is needed, which must earn its rent too."


def _next_bill(offer: Offer, gpus: int, volume: Decimal) -> Decimal:
    """The bill just above what so many GPUs serve, when there is one more."""
    metered = volume * offer.token_usd + (gpus + 1) * offer.start_usd
    return max((gpus + 1) * offer.floor_usd, metered) + offer.labour_usd


def _speed(found: Estimate) -> str:
    decode, machine = found.speeds.decode, found.assumptions.local
    if decode.source == "measured":
        return f"The speed is as given: {decode.value:,.0f} tokens a second while writing."
    streams = found.speeds.streams
    at_once = "one stream" if streams == 1 else f"{streams:,} streams"
    band = f"between {decode.low:,.0f} and {decode.high:,.0f}"
    condition = "" if found.speeds.fits else ", if it fitted"
    return (
        f"The speed is modelled, not measured: {decode.value:,.0f} tokens a second while writing "
        f"{at_once} with {ENGINE_NAMES[machine.engine]}, {band}{condition}."
    )


def _share(share: Decimal) -> str:
    words = {Decimal(0): "none of them", HALF: "half of them", Decimal(1): "all of them"}
    return words.get(share) or f"{percent(share)} of them"


def tokens(count: Decimal) -> str:
    """219 M, 1.25 B: three digits are enough to repeat."""
    for size, letter in SIZES:
        if count >= size:
            return f"{_three_digits(count / size)}{letter}"
    return f"{rounded(count):,}"


def _three_digits(value: Decimal) -> str:
    if value >= 100:
        return f"{rounded(value):,}"
    step = Decimal("0.1") if value >= 10 else CENT
    text = f"{value.quantize(step, ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".")


def rounded(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_UP))


def money(usd: Decimal) -> str:
    if 0 < usd < CENT:
        return "less than a cent"
    step = CENT if usd < 100_000 else Decimal(1)
    return f"${usd.quantize(step, ROUND_HALF_UP) if usd < Decimal(10) ** 20 else usd:,}"


def percent(share: Decimal) -> str:
    whole = share * 100
    return "under 1 %" if 0 < whole < 1 else f"{rounded(whole)} %"


def hours(value: Decimal) -> str:
    text = _three_digits(value) if value >= 1 or not value else f"{value * 60:.0f}"
    unit = "hour" if value >= 1 or not value else "minute"
    return f"{text} {unit}" if text == "1" else f"{text} {unit}s"


def cards(count: int, gpu: str) -> str:
    return f"one {gpu}" if count == 1 else f"{count:,} × {gpu}"
