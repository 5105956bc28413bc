"""The embedded model labels real reviews better than the commonest label would."""

import csv
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from lib.core.calibration import ENOUGH_ROWS, centre, decide
from lib.core.chat import Message, Request, Text
from lib.core.completion import continuations, prompts
from lib.core.task import Example, Label, Task
from lib.providers.embedded import SLOTS, Embedded
from tests.contract.engine import LABEL, NEEDS_WEIGHTS, make

pytestmark = NEEDS_WEIGHTS

LABELS = ("POSITIVE", "NEGATIVE", "NEUTRAL")
SAMPLE = Path(__file__).parents[1] / "data" / "reviews_sample.csv"
ROWS = 300
MARGIN = 0.10


def split() -> tuple[tuple[Example, ...], list[Example]]:
    """Two rows of each label as examples, label by label in turn; 300 others, drawn at random."""
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        rows = [Example(row["text"], row["sentiment"]) for row in csv.DictReader(file)]
    random.Random(1).shuffle(rows)
    shown = [[row for row in rows if row.label == label][:2] for label in LABELS]
    examples = tuple(pair[i] for i in range(2) for pair in shown)
    asked = rows[-ROWS:]
    assert not set(examples) & set(asked)
    return examples, asked


def scores(embedded: Embedded, task: Task, text: str) -> dict[str, float]:
    messages = tuple(Message("user", prompt) for prompt in prompts(task, text))
    request = Request(LABEL, messages, choices=continuations(task), raw=True, stream=False)
    answer = next(event for event in embedded.stream(request) if isinstance(event, Text))
    means = [logprob for _, logprob in answer.logprobs[0].top]
    return dict(zip(task.names, means, strict=True))


def test_six_examples_are_worth_ten_points_over_the_commonest_label() -> None:
    """No gold label is used but the examples'; the centre comes from 64 rows as they are."""
    examples, asked = split()
    task = Task(tuple(map(Label, LABELS)), examples=examples)
    with closing(make()) as embedded, ThreadPoolExecutor(SLOTS) as callers:
        found = list(callers.map(lambda row: scores(embedded, task, row.text), asked))
    middle = centre(found[:ENOUGH_ROWS])
    labels = [decide(one, middle)[0] for one in found]

    accuracy = sum(a == b.label for a, b in zip(labels, asked, strict=True)) / ROWS
    majority = max(Counter(row.label for row in asked).values()) / ROWS
    assert accuracy >= majority + MARGIN
    assert set(labels) == set(LABELS)
