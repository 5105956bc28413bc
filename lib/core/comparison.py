"""Two runs over the same rows: how often they agree, and whether one is right more often."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.core.evaluation import label_finder, share, wilson

SIGNIFICANT = 0.05
# Terms this much smaller than the sum change no digit of it.
NEGLIGIBLE = 1e-17


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run A beside run B; counts are rows, shares 0 to 1, None where there is nothing to share.

    `rows` both have asked. Agreement and Cohen's `kappa` are over the `rows_labelled` where both
    gave a label: two failures agree on nothing. Kappa is also None when both always say the same
    one label. What is right is over `rows_gold`, those with a usable gold; a failed row is wrong.
    `mcnemar_p` is the exact two-sided p-value: 1 when no row sets the runs apart, None without
    gold. Agreement has its 95 % interval.
    """

    rows: int
    rows_labelled: int
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    kappa: float | None
    rows_gold: int
    accuracy_a: float | None
    accuracy_b: float | None
    only_a_right: int
    only_b_right: int
    mcnemar_p: float | None
    verdict: str


def compare(
    pairs: Mapping[tuple[str | None, str | None, str | None], int], labels: Sequence[str]
) -> Comparison:
    """`pairs` says how many rows have (gold, label of A, label of B), of the rows both asked.

    `labels` are those of both runs: any other gold is no gold, any other answer no label. One
    that the runs write in different case is the same label.
    """
    find = label_finder(labels)
    said: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[bool, bool]] = Counter()
    for (gold, of_a, of_b), rows in pairs.items():
        wanted, a, b = find(gold), find(of_a), find(of_b)
        if a is not None and b is not None:
            said[a, b] += rows
        if wanted is not None:
            right[a == wanted, b == wanted] += rows
    labelled, agreed = said.total(), sum(rows for (a, b), rows in said.items() if a == b)
    low, high = wilson(agreed, labelled) or (None, None)
    only_a, only_b, golden = right[True, False], right[False, True], right.total()
    p = mcnemar(only_a, only_b) if golden else None
    return Comparison(
        rows=sum(pairs.values()),
        rows_labelled=labelled,
        agreement=share(agreed, labelled),
        agreement_low=low,
        agreement_high=high,
        kappa=_kappa(said),
        rows_gold=golden,
        accuracy_a=share(right[True, True] + only_a, golden),
        accuracy_b=share(right[True, True] + only_b, golden),
        only_a_right=only_a,
        only_b_right=only_b,
        mcnemar_p=p,
        verdict=_verdict(only_a, only_b, p),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """How likely a split at least so uneven is when each discordant row falls either way alike.

    The lower tail of a fair binomial, doubled, summed from its greatest term downwards: the terms
    fade within some square roots of the rows, so a million rows take a few thousand steps.
    """
    rows, at = only_a + only_b, min(only_a, only_b)
    ways = math.lgamma(rows + 1) - math.lgamma(at + 1) - math.lgamma(rows - at + 1)
    greatest = math.exp(ways - rows * math.log(2))
    term = total = 1.0
    while at > 0 and term > NEGLIGIBLE * total:
        term *= at / (rows - at + 1)
        total += term
        at -= 1
    return min(1.0, 2 * greatest * total)


def _kappa(said: Counter[tuple[str, str]]) -> float | None:
    """In whole numbers up to the one division, so that "undefined" is exact."""
    rows, of_a, of_b = said.total(), Counter[str](), Counter[str]()
    for (a, b), times in said.items():
        of_a[a] += times
        of_b[b] += times
    agreed = sum(times for (a, b), times in said.items() if a == b)
    by_chance = sum(times * of_b[name] for name, times in of_a.items())
    return share(rows * agreed - by_chance, rows * rows - by_chance)


def _verdict(only_a: int, only_b: int, p: float | None) -> str:
    if p is None:
        return "Neither can be called better: no row has a gold label to compare with."
    if only_a == only_b == 0:
        return "A and B are right on exactly the same rows."
    if only_a == only_b:
        return "A and B are right equally often, though not on the same rows."
    if p >= SIGNIFICANT:
        return f"The difference could be chance ({_p(p)})."
    better = "A" if only_a > only_b else "B"
    return f"{better} is right more often, and chance alone hardly explains it ({_p(p)})."


def _p(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
