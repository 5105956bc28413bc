"""Whether confidence can be trusted: how often rows said to be 90 % sure are right."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from lib.core.errors import BadInput
from lib.core.evaluation import share, wilson

# Closer together near 1, where most models put most of their rows.
THRESHOLDS = (
    *(step / 10 for step in range(10)),
    *(0.95, 0.98, 0.99, 0.995, 0.999, 1.0),
)


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows with a confidence from `low` up to but not including `high`; the last one includes 1.

    `accuracy` has its 95 % interval; an empty bin knows neither mean nor accuracy.
    """

    low: float
    high: float
    rows: int
    mean_confidence: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left when only rows at least that confident are kept."""

    threshold: float
    share: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """`calibration_error` is how far confidence and accuracy lie apart, averaged over the rows.

    It is 0 to 1 and None without rows.
    """

    rows: int
    bins: tuple[Bin, ...]
    calibration_error: float | None
    thresholds: tuple[Kept, ...]


def reliability(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> Reliability:
    """`pairs` are (confidence, right) of the rows that have both; `bins` of equal width, 1 or more.

    Raises BadInput for a confidence outside 0 to 1.
    """
    given = list(pairs)
    if not all(0 <= confidence <= 1 for confidence, _ in given):
        raise BadInput(
            "A confidence lies outside 0 to 1.", "Count confidence as a share: 0.9, not 90."
        )
    everyone = sorted(confidence for confidence, _ in given)
    correct = sorted(confidence for confidence, right in given if right)
    found = tuple(_bin(everyone, correct, at / bins, (at + 1) / bins) for at in range(bins))
    return Reliability(
        rows=len(everyone),
        bins=found,
        calibration_error=_calibration_error(found, len(everyone)),
        thresholds=tuple(_kept(everyone, correct, threshold) for threshold in THRESHOLDS),
    )


def _bin(everyone: list[float], correct: list[float], low: float, high: float) -> Bin:
    inside, right = _between(everyone, low, high), len(_between(correct, low, high))
    bottom, top = wilson(right, len(inside)) or (None, None)
    return Bin(
        low=low,
        high=high,
        rows=len(inside),
        mean_confidence=math.fsum(inside) / len(inside) if inside else None,
        accuracy=share(right, len(inside)),
        accuracy_low=bottom,
        accuracy_high=top,
    )


def _between(ordered: list[float], low: float, high: float) -> list[float]:
    end = len(ordered) if high == 1 else bisect_left(ordered, high)
    return ordered[bisect_left(ordered, low) : end]


def _calibration_error(bins: tuple[Bin, ...], rows: int) -> float | None:
    gaps = [
        one.rows * abs(one.accuracy - one.mean_confidence)
        for one in bins
        if one.accuracy is not None and one.mean_confidence is not None
    ]
    return math.fsum(gaps) / rows if gaps else None


def _kept(everyone: list[float], correct: list[float], threshold: float) -> Kept:
    rows = len(everyone) - bisect_left(everyone, threshold)
    right = len(correct) - bisect_left(correct, threshold)
    return Kept(threshold, share(rows, len(everyone)), share(right, rows))
