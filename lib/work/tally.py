"""What a row takes over all its calls, while it is still being asked."""

from dataclasses import dataclass, field
from decimal import Decimal

from lib.core.chat import Usage
from lib.core.task import RowResult
from lib.store.job_rows import Row
from lib.store.ledger import to_pico, to_usd

FREE = Usage(0, 0, 0, 0)
Counts = tuple[int | None, ...]  # input, output, thinking, cached tokens, picodollars
NOTHING: Counts = (0, 0, 0, 0, 0)
UNKNOWN: Counts = (None, None, None, None, None)


@dataclass(slots=True, eq=False)
class Pending:
    """A row on its way. `most` is how many rows may share its next request.

    `repeats` counts calls after the first, `invalid` answers that were no label; `more` asks for
    more room next time. Unknown counts stay None, whatever is added.
    """

    row: Row
    key: str
    most: int = 1
    repeats: int = 0
    invalid: int = 0
    more: bool = False
    votes: list[str] = field(default_factory=list)
    counts: Counts = NOTHING
    latency_ms: float = 0.0

    def add(self, counts: Counts, ms: float) -> None:
        self.counts = tuple(
            None if a is None or b is None else a + b
            for a, b in zip(self.counts, counts, strict=True)
        )
        self.latency_ms += ms

    def result(
        self, model: str, label: str | None, confidence: float | None, error: str | None = None
    ) -> RowResult:
        *tokens, pico = self.counts
        return RowResult(
            label=label,
            confidence=confidence,
            error=error,
            model=model,
            usage=Usage(*tokens),
            cost_usd=to_usd(pico),
            latency_ms=self.latency_ms,
        )


def counts_of(usage: Usage, cost_usd: Decimal | None) -> Counts:
    cost = None if cost_usd is None else to_pico(cost_usd)
    tokens = (usage.input_tokens, usage.output_tokens, usage.thinking_tokens, usage.cached_tokens)
    return (*tokens, cost)


def charge(rows: list[Pending], counts: Counts, ms: float) -> None:
    """Divide one call's counts over its rows: whole tokens, and the parts add up to the call."""
    for i, pending in enumerate(rows):
        pending.add(tuple(_part(count, len(rows), i) for count in counts), ms)


def _part(total: int | None, parts: int, index: int) -> int | None:
    if total is None:
        return None
    each, rest = divmod(total, parts)
    return each + (index < rest)
