"""Takes a model's own leaning out of its label scores.

A small model prefers some labels whatever the text says. What it gives each label on average over
rows whose labels nobody knows is that leaning; each row is judged by how far it departs from it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Centre = dict[str, Any]
"""{"leaning": {label: log-probability}, "width": of a usual departure}; JSON-able, empty: none."""

ENOUGH_ROWS = 64  # 32 do almost as well, 16 cost a point of accuracy, 8 two
DOUBT = 0.25  # so much of a row without any leaning counts too: one row is not its own measure
ROUNDS = 10

Scores = Mapping[str, float]


def centre(scores: Sequence[Scores]) -> Centre:
    """What to take out of each label's score, learnt from rows whose labels need not be known.

    `scores` are natural-log probabilities, one mapping of label -> score per row, all with the
    same labels. The rows should be drawn at random. Without rows the centre is empty.
    """
    if not scores:
        return {}
    rows = [_shares(row) for row in scores]
    weight = len(rows) + DOUBT
    mean = {label: math.fsum(row[label] for row in rows) / weight for label in rows[0]}
    squares = math.fsum((row[label] - mean[label]) ** 2 for row in rows for label in mean)
    width = math.sqrt((squares / len(mean) + DOUBT) / weight)
    return {"leaning": _for_unequal_labels(rows, mean, width), "width": width}


def decide(score: Scores, middle: Centre) -> tuple[str, float]:
    """The label that departs most from the centre, and its probability (0-1) among the labels.

    An empty `middle` judges by the model's own scores. Of equals the first wins.
    """
    leaning, width = middle.get("leaning", {}), middle.get("width", 1.0)
    rows_shares = _shares(score)
    departs = _shares(
        {label: (share - leaning.get(label, 0.0)) / width for label, share in rows_shares.items()}
    )
    best = max(departs, key=departs.__getitem__)
    return best, math.exp(departs[best])


def _for_unequal_labels(rows: list[dict[str, float]], mean: Scores, width: float) -> Scores:
    """The mean would make all labels equally frequent; some rounds of guessing correct that.

    Each round judges the rows, softly, and lets labels that come often come more easily. The
    rounds are few and a row of each label is always counted, so no label is driven out.
    """
    soft = 2 * width
    leaning = dict(mean)
    for _ in range(ROUNDS):
        guessed = [
            _shares({label: (row[label] - leaning[label]) / soft for label in mean}) for row in rows
        ]
        for label in mean:
            often = 1 + math.fsum(math.exp(row[label]) for row in guessed)
            leaning[label] = mean[label] - soft * math.log(often / (len(rows) + len(mean)))
    return leaning


def _shares(score: Scores) -> dict[str, float]:
    """Log-probabilities among the labels alone: their exponentials add up to 1."""
    top = max(score.values())
    total = top + math.log(math.fsum(math.exp(value - top) for value in score.values()))
    return {label: value - total for label, value in score.items()}
