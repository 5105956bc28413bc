"""What calls took, added up: by day, model, page or error. What is unknown is counted, not 0."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeVar

from lib.core.chat import Usage

By = Literal["day", "model", "source", "error"]
Amount = TypeVar("Amount", int, Decimal)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over calls. `usage` and `cost_usd` add up what is known, None when nothing is.

    `unpriced_calls` are those without a known cost, running and refused ones among them; `errors`
    failed; `reserved_usd` is what running calls, and those of unknown cost, hold of the budget.
    """

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    unpriced_calls: int = 0
    errors: int = 0
    in_flight: int = 0
    reserved_usd: Decimal = NOTHING

    def __add__(self, other: "Totals") -> "Totals":
        mine, yours = self.usage, other.usage
        return Totals(
            calls=self.calls + other.calls,
            usage=Usage(
                _sum(mine.input_tokens, yours.input_tokens),
                _sum(mine.output_tokens, yours.output_tokens),
                _sum(mine.thinking_tokens, yours.thinking_tokens),
                _sum(mine.cached_tokens, yours.cached_tokens),
            ),
            cost_usd=_sum(self.cost_usd, other.cost_usd),
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            errors=self.errors + other.errors,
            in_flight=self.in_flight + other.in_flight,
            reserved_usd=self.reserved_usd + other.reserved_usd,
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """The calls of one day (UTC, YYYY-MM-DD), model and source that ended alike.

    `error` is the code of those that failed. Calls with and without a cost are slices apart.
    """

    day: str
    model: str
    source: str
    error: str | None
    totals: Totals


@dataclass(frozen=True, slots=True)
class Spend:
    """Everything a period took, ready to be looked at from any side."""

    slices: tuple[Slice, ...] = ()

    @property
    def total(self) -> Totals:
        return sum((one.totals for one in self.slices), Totals())

    def by(self, side: By) -> dict[str, Totals]:
        """Totals by day, model, source or error code (failed calls alone), in order of the key."""
        return _grouped(self.slices, lambda one: getattr(one, side))

    def daily(self, side: Literal["model", "source"]) -> dict[tuple[str, str], Totals]:
        """Totals by (day, model) or (day, source), in that order."""
        return _grouped(self.slices, lambda one: (one.day, getattr(one, side)))


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model's finished answers were; None is not measured.

    First tokens in milliseconds, as nearest-rank percentiles; `tokens_per_second` is the median
    speed after the first token.
    """

    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    tokens_per_second: float | None = None


Key = TypeVar("Key", str, tuple[str, str])


def _grouped(slices: Iterable[Slice], key: Callable[[Slice], Key | None]) -> dict[Key, Totals]:
    found: defaultdict[Key, Totals] = defaultdict(Totals)
    for one in slices:
        name = key(one)
        if name is not None:
            found[name] += one.totals
    return dict(sorted(found.items()))


def _sum(a: Amount | None, b: Amount | None) -> Amount | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b
