"""What a classification asks for and what comes back for a row; pure values."""

from dataclasses import dataclass, field
from decimal import Decimal

from lib.core.chat import Usage


@dataclass(frozen=True, slots=True)
class Label:
    """`description` tells the model when the label applies; it may be empty."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A text whose label is known; `label` is one of the task's names."""

    text: str = field(repr=False)
    label: str


@dataclass(frozen=True, slots=True)
class Task:
    """How rows are to be labelled: exactly one of at least two labels for each row."""

    labels: tuple[Label, ...]
    instruction: str = ""
    examples: tuple[Example, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row got: a label or an error code; both None: not asked yet.

    Counts, `cost_usd` and `latency_ms` add up all calls the row took; None is unknown. A call in a
    batch took from the batch's sending until its answers were fetched.
    `confidence` is 0-1, from log-probabilities or votes. `model` is the full id.
    """

    label: str | None = None
    confidence: float | None = None
    error: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    latency_ms: float | None = None

    @property
    def finished(self) -> bool:
        return self.label is not None or self.error is not None
