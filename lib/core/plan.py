"""A plan, which is a saved estimate, beside what a month's calls really took."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lib.core.assumptions import API_IMAGE_TOKENS, AUDIO_TOKENS_PER_SECOND, Assumptions
from lib.core.estimate import Estimate
from lib.core.prices import MTOK
from lib.core.spend import Spend, Totals

Side = Literal["api", "gpu"]
EARLY = Decimal(1) / 31  # about a day: what a month will be cannot be told from less


@dataclass(frozen=True, slots=True)
class Course:
    """An amount planned for a month, and what of it came true in its `elapsed` share (0 to 1)."""

    planned: Decimal | None
    so_far: Decimal | None
    elapsed: Decimal

    @property
    def expected(self) -> Decimal | None:
        """What would be used by now, spread evenly over the month."""
        return None if self.planned is None else self.planned * self.elapsed

    @property
    def at_this_pace(self) -> Decimal | None:
        """What the month will end with if it goes on like this; None on its first day."""
        if self.so_far is None or self.elapsed < EARLY:
            return None
        return self.so_far / self.elapsed


@dataclass(frozen=True, slots=True)
class Comparison:
    """One side of a plan beside the calls that went there, whatever their model and page.

    Tokens are counted as that side counts them. `priced` are the calls that `paid_usd_per_mtok`
    was paid for; on the GPU's side money is that of busy seconds alone, so `usd` is not compared.
    """

    calls: Totals
    priced: Totals
    tokens: Course
    usd: Course
    planned_usd_per_mtok: Decimal | None
    paid_usd_per_mtok: Decimal | None


def compare(found: Estimate, side: Side, spend: Spend, elapsed: Decimal) -> Comparison:
    """The plan's API, or its GPU, with the month's calls on that side."""
    slices = [one for one in spend.slices if side_of(one.model) == side]
    calls = sum((one.totals for one in slices), Totals())
    # Sums of tokens and of money must be of the same calls.
    priced = sum((one.totals for one in slices if not one.totals.unpriced_calls), Totals())
    planned = found.assumptions.work.tokens_per_month * counted_per_token(found.assumptions, side)
    bill = found.now.api_usd if side == "api" else found.now.local_usd
    spent = (calls.cost_usd if calls.calls else Decimal(0)) if side == "api" else None
    return Comparison(
        calls=calls,
        priced=priced,
        tokens=Course(planned, _tokens(calls), elapsed),
        usd=Course(bill, spent, elapsed),
        planned_usd_per_mtok=_per_mtok(bill, planned),
        paid_usd_per_mtok=_per_mtok(priced.cost_usd, _tokens(priced)),
    )


def side_of(model: str) -> Side:
    """Where a call to this model went: only Gemini is paid by the token."""
    return "api" if model.startswith("gemini/") else "gpu"


def counted_per_token(assumptions: Assumptions, side: Side) -> Decimal:
    """Tokens a provider counts for one text token of the plan: with pictures, sound, retries."""
    work = assumptions.work
    if side == "gpu":
        return (work.gpu_input_tokens + work.output_tokens) / work.tokens_per_request
    media = work.images_per_request * API_IMAGE_TOKENS
    media += work.audio_seconds_per_request * AUDIO_TOKENS_PER_SECOND
    once = 1 + media / work.tokens_per_request
    return once * (1 + assumptions.api.retry_share)


def _tokens(totals: Totals) -> Decimal | None:
    known = [totals.usage.input_tokens, totals.usage.output_tokens]
    if totals.calls and known == [None, None]:
        return None
    return Decimal(sum(count or 0 for count in known))


def _per_mtok(usd: Decimal | None, tokens: Decimal | None) -> Decimal | None:
    return usd / tokens * MTOK if usd is not None and tokens else None
