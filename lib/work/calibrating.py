"""Holds the first rows of a scoring model back until its leaning can be told from them."""

import threading
from collections.abc import Callable

from lib.core.calibration import ENOUGH_ROWS, Centre, centre, decide
from lib.core.chat import TokenLogprob
from lib.core.completion import continuations
from lib.core.task import RowResult, Task
from lib.work.tally import Pending

Settled = list[tuple[Pending, RowResult]]
Scores = dict[str, float]


class Calibrator:
    """`keep` stores a new centre and returns the one that counts for the job, on every machine."""

    def __init__(
        self, task: Task, model: str, known: Centre | None, keep: Callable[[Centre], Centre]
    ) -> None:
        self._model, self._centre, self._keep = model, known, keep
        self._label_of = dict(zip(continuations(task), task.names, strict=True))
        self._held: list[tuple[Pending, Scores]] = []
        self._lock = threading.Lock()

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def take(self, pending: Pending, token: TokenLogprob) -> Settled:
        """Judge a row by its choices' log-probabilities; none are settled while too few came."""
        scores = {self._label_of[choice]: value for choice, value in token.top}
        with self._lock:
            self._held.append((pending, scores))
            ready = self._centre is not None or len(self._held) >= ENOUGH_ROWS
        return self.rest() if ready else []

    def rest(self) -> Settled:
        """Judge what is held, with the rows there are; a centre of few is not kept for others."""
        with self._lock:
            held, self._held = self._held, []
            middle = self._centre
            if middle is None:
                middle = centre([scores for _, scores in held])
            if self._centre is None and len(held) >= ENOUGH_ROWS:
                middle = self._centre = self._keep(middle)
        return [(pending, self._judge(pending, scores, middle)) for pending, scores in held]

    def _judge(self, pending: Pending, scores: Scores, middle: Centre) -> RowResult:
        label, confidence = decide(scores, middle)
        return pending.result(self._model, label, confidence)
