"""Small lists labelled at once, by the same engine as jobs: /api/classify, and trying some rows."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from lib.core.chat import Media
from lib.core.errors import Unsupported
from lib.core.prompt import sendable
from lib.core.spec import Spec
from lib.core.task import RowResult
from lib.store.job_rows import Row
from lib.work.app import App
from lib.work.caller import Order, fit_spec
from lib.work.crew import Crew
from lib.work.job_runs import CONCURRENCY
from lib.work.tally import FREE, Pending

_running: "weakref.WeakSet[Classification]" = weakref.WeakSet()


def stop_all() -> None:
    """Hang up every list of this process: the server is about to end."""
    for one in list(_running):
        one.stop()


class Classification:
    """One list of texts and its model; the same text is asked once.

    With `picture(n)`, row n is that picture and its text only tells equal pictures.
    """

    def __init__(
        self,
        app: App,
        spec: Spec,
        texts: Sequence[str | None],
        picture: Callable[[int], Media] | None = None,
    ) -> None:
        choice = app.models.find(spec.model)
        spec = fit_spec(spec, choice.info)
        needs = "image" if picture else "text"
        if needs not in choice.info.input:
            raise Unsupported(f"model: {choice.info.id} cannot read {needs} input.")
        self.model = choice.info.id
        size = spec.concurrency or CONCURRENCY[choice.info.provider]
        self._found: dict[int, RowResult] = {}
        self._rows: list[Pending] = []
        self._first: dict[str, int] = {}
        self._asked_as = [self._row_of(i, text, spec) for i, text in enumerate(texts)]
        order = Order(app, choice, spec, "classify", picture=picture)
        self._crew = Crew(order, size, self._settle)
        _running.add(self)

    def run(self) -> list[RowResult]:
        """A result for each text, in order. What stops all of them is raised."""
        self._crew.run(self._rows)
        if self._crew.error:
            raise self._crew.error
        return [self._result(i) for i in range(len(self._asked_as))]

    def stop(self) -> None:
        """Nobody waits for it any more: hang up."""
        self._crew.hang_up()

    def _row_of(self, i: int, text: str | None, spec: Spec) -> int:
        """The row that is asked for text i: the first one with the same text."""
        text = text if text is not None and sendable(text) else None
        first = i if text is None else self._first.setdefault(text, i)
        if first == i:
            self._rows.append(Pending(Row(i, text), key="", most=spec.rows_per_request))
        return first

    def _settle(self, settled: list[tuple[Pending, RowResult]]) -> None:
        self._found |= {pending.row.n: result for pending, result in settled}

    def _result(self, i: int) -> RowResult:
        first = self._asked_as[i]
        found = self._found.get(first, RowResult())
        if first == i:
            return found
        return replace(found, usage=FREE, cost_usd=Decimal(0), latency_ms=None)
