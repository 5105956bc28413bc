"""Takes a model's own leaning out of its label scores.

A small model prefers some labels whatever the text says. What it gives each label on average over
rows whose labels nobody knows is that leaning; each row is judged by how far it departs from it.
"""

import math
from collections.abc import Mapping, Sequence

Centre = dict[str, float]
"""Label -> the log-probability it gets on average, among the labels alone; JSON-able."""

ENOUGH_ROWS = 64  # more change the labels of hardly any row


def centre(scores: Sequence[Mapping[str, float]]) -> Centre:
    """The mean of each label's share over rows whose labels need not be known.

    `scores` are natural-log probabilities, one mapping of label -> score per row, all with the
    same labels. Without rows there is nothing to take out: the centre is empty.
    """
    shares = [_shares(row) for row in scores]
    return (
        {label: math.fsum(row[label] for row in shares) / len(shares) for label in shares[0]}
        if shares
        else {}
    )


def decide(score: Mapping[str, float], middle: Mapping[str, float]) -> tuple[str, float]:
    """The label that departs most from the centre, and its probability (0-1) among the labels.

    An empty `middle` judges by the model's own scores. Of equals the first wins.
    """
    departs = _shares({label: value - middle.get(label, 0.0) for label, value in score.items()})
    best = max(departs, key=departs.__getitem__)
    return best, math.exp(departs[best])


def _shares(score: Mapping[str, float]) -> dict[str, float]:
    """Log-probabilities among the labels alone: their exponentials add up to 1."""
    top = max(score.values())
    total = top + math.log(math.fsum(math.exp(value - top) for value in score.values()))
    return {label: value - total for label, value in score.items()}
