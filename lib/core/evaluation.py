"""How right a run's labels are, and what a right one costs, from how often each pair occurs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Shares from 0 to 1, 0 where undefined; `support` is the rows whose gold is the label."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`rows` are those with a usable gold; without any the shares are None, and so is the price.

    `matrix` counts rows: a row of it is a gold label, a column a predicted one, both in the order
    of `labels`, and the last column is "no label". Accuracy has its 95 % interval.
    """

    rows: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    macro_f1: float | None
    per_label: dict[str, LabelScore]
    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    usd_per_1k_rows: Decimal | None
    usd_per_1k_correct: Decimal | None


def evaluate(
    labels: Sequence[str],
    counts: Mapping[tuple[str, str | None], int],
    cost_usd: Decimal | None,
    rows_total: int,
) -> Evaluation:
    """`counts` says how many rows have (gold, predicted); predicted None is a failed row, wrong.

    `labels` differ by more than their case and the blanks around them; rows whose gold is none of
    them do not count. `cost_usd` is the whole job's and `rows_total` all its rows, those without
    gold among them.
    """
    matrix = _matrix(labels, counts)
    rows = sum(map(sum, matrix))
    correct = sum(matrix[at][at] for at in range(len(labels)))
    low, high = wilson(correct, rows) or (None, None)
    scores = {name: _score(matrix, at) for at, name in enumerate(labels)}
    seen = [scores[name].f1 for at, name in enumerate(labels) if _occurs(matrix, at)]
    return Evaluation(
        rows=rows,
        accuracy=share(correct, rows),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=math.fsum(seen) / len(seen) if seen else None,
        per_label=scores,
        labels=tuple(labels),
        matrix=matrix,
        usd_per_1k_rows=_usd_per_1k(cost_usd, 1, rows_total),
        # By the counts and not by the accuracy: money does not pass through a float.
        usd_per_1k_correct=_usd_per_1k(cost_usd, rows, rows_total * correct),
    )


def wilson(successes: int, total: int, z: float = Z_95) -> tuple[float, float] | None:
    """The interval of a share by Wilson's score, 95 % unless `z` differs; None without rows."""
    if total == 0:
        return None
    found, spread = successes / total, z * z / total
    middle = found + spread / 2
    reach = z * math.sqrt(found * (1 - found) / total + spread / (4 * total))
    low = 0.0 if successes == 0 else (middle - reach) / (1 + spread)
    high = 1.0 if successes == total else (middle + reach) / (1 + spread)
    return low, high


def share(part: int, whole: int) -> float | None:
    """A part of the whole from 0 to 1; None when there is no whole."""
    return part / whole if whole else None


def label_finder(labels: Sequence[str]) -> Callable[[str | None], str | None]:
    """A function from any text to the label it is, blanks around it and case ignored, or None."""
    known = {name.strip().casefold(): name for name in labels}
    return lambda text: None if text is None else known.get(text.strip().casefold())


def _usd_per_1k(cost_usd: Decimal | None, times: int, divisor: int) -> Decimal | None:
    return None if cost_usd is None or divisor == 0 else 1000 * cost_usd * times / divisor


def _matrix(
    labels: Sequence[str], counts: Mapping[tuple[str, str | None], int]
) -> tuple[tuple[int, ...], ...]:
    find, place = label_finder(labels), {name: at for at, name in enumerate(labels)}
    cells = [[0] * (len(labels) + 1) for _ in labels]
    for (gold, predicted), rows in counts.items():
        right, said = find(gold), find(predicted)
        if right is not None:
            cells[place[right]][-1 if said is None else place[said]] += rows
    return tuple(map(tuple, cells))


def _score(matrix: tuple[tuple[int, ...], ...], at: int) -> LabelScore:
    hits, support = matrix[at][at], sum(matrix[at])
    predicted = sum(row[at] for row in matrix)
    return LabelScore(
        precision=share(hits, predicted) or 0.0,
        recall=share(hits, support) or 0.0,
        f1=share(2 * hits, support + predicted) or 0.0,
        support=support,
    )


def _occurs(matrix: tuple[tuple[int, ...], ...], at: int) -> bool:
    return any(matrix[at]) or any(row[at] for row in matrix)
