"""The guide's claims against what today's prices, measurements and its own figures give."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from lib.core.prices import MTOK, Price, PriceList, Source

Value = Decimal | str | None

HOURS_IN_A_MONTH = 730
SECONDS_IN_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A row of the table: `found` holds a sourced fact, or `formula` and `inputs` a computation.

    `why` may say {times}, how far claimed and recomputed are apart, and {inverse}, 1 ÷ recomputed.
    """

    table: str
    row: str
    claim: str
    unit: str
    claimed: Value
    formula: str
    inputs: Mapping[str, str]
    found: Value
    assumption: str
    verdict: str
    why: str
    source: Source


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim beside its recomputed value; `formula` in words, empty for a sourced fact."""

    table: str
    row: str
    claim: str
    unit: str
    claimed: Value
    recomputed: Value
    formula: str
    assumption: str
    verdict: str
    why: str
    source: Source


def recompute(rows: Iterable[ClaimRow], prices: PriceList, on: date) -> tuple[Claim, ...]:
    """Every row with its value at the prices of the day; KeyError for an unknown formula.

    Verdicts are a person's, of the day in `source`; without a price a claim is unverified.
    """
    return tuple(_claim(row, prices, on) for row in rows)


def as_answer(claims: Iterable[Claim]) -> dict[str, list[dict[str, object]]]:
    """The claims as the JSON API answers them: numbers as numbers, «nothing» as null."""
    return {"claims": [_as_json(claim) for claim in claims]}


def _claim(row: ClaimRow, prices: PriceList, on: date) -> Claim:
    value, formula, verdict, why = row.found, "", row.verdict, row.why
    if row.formula:
        function = FORMULAS[row.formula]
        formula = (function.__doc__ or "").partition("\n")[0].strip()
        arguments = _arguments(row.inputs, prices, on)
        value = function(**arguments) if arguments is not None else None
        if value is None:
            verdict, why = "unverified", "no price is known for this day"
    return Claim(
        table=row.table,
        row=row.row,
        claim=row.claim,
        unit=row.unit,
        claimed=row.claimed,
        recomputed=value,
        formula=formula,
        assumption=row.assumption,
        verdict=verdict,
        why=_filled(why, row.claimed, value),
        source=row.source,
    )


def _arguments(
    inputs: Mapping[str, str], prices: PriceList, on: date
) -> dict[str, Decimal | Price] | None:
    """The formula's arguments, `model` turned into its price; None when that is unknown."""
    arguments: dict[str, Decimal | Price] = {}
    for name, text in inputs.items():
        if name != "model":
            arguments[name] = Decimal(text)
        elif (price := prices.price(text, on)) is not None:
            arguments["api"] = price
        else:
            return None
    return arguments


def _filled(why: str, claimed: Value, value: Value) -> str:
    if "{" not in why or not isinstance(value, Decimal):
        return why
    other = claimed if isinstance(claimed, Decimal) else value
    return why.format(times=_short(max(other / value, value / other)), inverse=_short(1 / value))


def _short(number: Decimal) -> str:
    """1.5, 12.5, 51, 2,924: no more digits than a sentence needs."""
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}".removesuffix(".0")


def _as_json(claim: Claim) -> dict[str, object]:
    cells = {name: _json_value(value) for name, value in asdict(claim).items() if name != "source"}
    return {**cells, "source": claim.source.url, "checked": claim.source.checked.isoformat()}


def _json_value(value: Value) -> int | float | str | None:
    if not isinstance(value, Decimal):
        return value or None
    return int(value) if value == value.to_integral_value() else float(value)


def input_price(api: Price) -> Decimal:
    """the model's input price on the day"""
    return api.input_usd_per_mtok


def output_price(api: Price) -> Decimal:
    """the model's output price on the day, thinking tokens included"""
    return api.output_usd_per_mtok


def both_prices(api: Price) -> str:
    """the model's input and output price on the day"""
    return f"{api.input_usd_per_mtok:.2f}/{api.output_usd_per_mtok:.2f}"


def blended_price(api: Price, input_share: Decimal) -> Decimal:
    """input share × input price + output share × output price"""
    return input_share * api.input_usd_per_mtok + (1 - input_share) * api.output_usd_per_mtok


def api_bill(api: Price, tokens: Decimal, input_share: Decimal) -> Decimal:
    """tokens × (input share × input price + output share × output price)"""
    return tokens / MTOK * blended_price(api, input_share)


def usd_per_1k_texts(api: Price, input_tokens: Decimal, output_tokens: Decimal) -> Decimal:
    """1000 × (input tokens × input price + output tokens × output price)"""
    usd = input_tokens * api.input_usd_per_mtok + output_tokens * api.output_usd_per_mtok
    return 1000 * usd / MTOK


def rent(hours: Decimal, usd_per_hour: Decimal) -> Decimal:
    """hours × price per hour"""
    return hours * usd_per_hour


def rent_per_mtok(usd_per_hour: Decimal, tok_s: Decimal) -> Decimal:
    """price per hour ÷ (tokens per second × 3600) × 1,000,000"""
    return usd_per_hour / (tok_s * SECONDS_IN_AN_HOUR) * MTOK


def break_even(api: Price, input_share: Decimal, usd_per_hour: Decimal) -> Decimal:
    """730 hours × price per hour ÷ API price per million tokens"""
    return rent(Decimal(HOURS_IN_A_MONTH), usd_per_hour) / blended_price(api, input_share)


def ratio(api_usd: Decimal, own_usd: Decimal) -> Decimal:
    """API bill ÷ bill of one's own GPU, in two digits as the guide gives it"""
    return Decimal(f"{api_usd / own_usd:.2g}")


def api_to_rent(
    api: Price, tokens: Decimal, input_share: Decimal, usd_per_hour: Decimal
) -> Decimal:
    """API bill ÷ (730 hours × price per hour), in two digits as the guide gives it"""
    own = rent(Decimal(HOURS_IN_A_MONTH), usd_per_hour)
    return ratio(api_bill(api, tokens, input_share), own)


def decode_speed(
    bandwidth_gb_s: Decimal, bandwidth_share: Decimal, read_gb: Decimal, overhead_ms: Decimal
) -> Decimal:
    """1 ÷ (gigabytes read per token ÷ usable memory bandwidth + fixed time per token)"""
    return 1 / (read_gb / (bandwidth_gb_s * bandwidth_share) + overhead_ms / 1000)


@dataclass(frozen=True, slots=True)
class OneStream:
    """A GPU that answers one request after the other; billions are 10⁹, GB are 10⁹ bytes."""

    bandwidth_gb_s: Decimal
    bandwidth_share: Decimal
    read_gb: Decimal  # weights and cache of the context
    overhead_ms: Decimal
    fp16_tflops: Decimal
    prefill_share: Decimal
    body_params_b: Decimal
    layers: Decimal
    attention_width: Decimal
    input_tokens: Decimal
    output_tokens: Decimal

    def tok_s(self) -> Decimal:
        """Input + output tokens a second; prompt and answer share the GPU."""
        attention = 2 * self.layers * self.attention_width * self.input_tokens
        work = 2 * self.body_params_b * 10**9 + attention
        prefill = self.prefill_share * self.fp16_tflops * 10**12 / work
        decode = decode_speed(
            self.bandwidth_gb_s, self.bandwidth_share, self.read_gb, self.overhead_ms
        )
        seconds = self.input_tokens / prefill + self.output_tokens / decode
        return (self.input_tokens + self.output_tokens) / seconds


def hours_needed(tokens: Decimal, **stream: Decimal) -> Decimal:
    """tokens ÷ (modelled input + output tokens per second × 3600)"""
    return tokens / (OneStream(**stream).tok_s() * SECONDS_IN_AN_HOUR)


def capacity(**stream: Decimal) -> Decimal:
    """modelled input + output tokens per second × 3600 × 730 hours"""
    return OneStream(**stream).tok_s() * SECONDS_IN_AN_HOUR * HOURS_IN_A_MONTH / MTOK


# What the table may name; the first line of each docstring is shown as the formula in words.
FORMULAS: dict[str, Callable[..., Decimal | str]] = {
    function.__name__: function
    for function in (
        input_price, output_price, both_prices, blended_price, api_bill, usd_per_1k_texts, rent,
        rent_per_mtok, break_even, ratio, api_to_rent, decode_speed, hours_needed, capacity,
    )
}  # fmt: skip
