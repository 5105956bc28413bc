"""A crew in front of a model, and what it settled: what the tests of the labelling engine share."""

import itertools
from collections.abc import Callable, Generator, Sequence
from typing import Any

from lib.core.chat import (
    Done,
    Event,
    Finish,
    ModelInfo,
    Provider,
    Request,
    Text,
    TokenLogprob,
    Usage,
)
from lib.core.prompt import sendable
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.job_rows import Row
from lib.work.app import App
from lib.work.caller import Order
from lib.work.crew import Crew
from lib.work.models import Choice
from lib.work.tally import Pending
from tests.unit.builders import VLLM

LABELS = ["spam", "ham", "eggs"]

_numbers = itertools.count(1)


def fresh(text: str) -> str:
    """The text with a number that no test's text had before: the fake counts calls by text."""
    return f"{next(_numbers)} {text}"


class Told:
    """A provider that says what `answer(request)` returns, and raises what it raises.

    Every answer takes ten tokens in and one out; `logprobs` go with it.
    """

    name = "vllm"

    def __init__(
        self,
        answer: Callable[[Request], str],
        logprobs: Callable[[Request], tuple[TokenLogprob, ...]] = lambda request: (),
    ) -> None:
        self._answer, self._logprobs = answer, logprobs
        self.asked: list[Request] = []

    def stream(self, request: Request) -> Generator[Event, None, None]:
        self.asked.append(request)
        yield Text(self._answer(request), self._logprobs(request))
        yield Usage(10, 1, 0, 0)
        yield Done(Finish.STOP)

    def models(self) -> list[ModelInfo]:
        return [TOLD]

    def close(self) -> None:
        pass


TOLD = ModelInfo("vllm", "told")


class Work:
    """A crew of `size` and what it settled; `fields` are the spec's, `info` the model's facts.

    With a `provider` that one is asked instead of the app's. `before_storing` sees the rows.
    `took` is what rows took that were not finished.
    """

    def __init__(
        self,
        app: App,
        size: int = 1,
        *,
        model: str = VLLM,
        provider: Provider | None = None,
        info: ModelInfo = TOLD,
        before_storing: Callable[[list[int]], object] = lambda rows: None,
        order: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        self.spec = parse({"labels": LABELS, **fields})
        choice = Choice(info, provider, provider) if provider else app.models.find(model)
        self.results: dict[int, RowResult] = {}
        self.took: dict[int, RowResult] = {}
        self._before_storing = before_storing
        self.crew = Crew(
            Order(app, choice, self.spec, "classify", **(order or {})), size, self._settle
        )

    def run(self, *texts: str | None, first: int = 0) -> bool:
        """Ask these texts as rows `first` and following; says whether all were settled."""
        return self.crew.run(self.rows(texts, first))

    def rows(self, texts: Sequence[str | None], first: int = 0) -> list[Pending]:
        most = self.spec.rows_per_request
        shown = [text if text and sendable(text) else None for text in texts]
        return [Pending(Row(n, text), "", most) for n, text in enumerate(shown, start=first)]

    @property
    def labels(self) -> list[str | None]:
        return [result.label for _, result in sorted(self.results.items())]

    @property
    def errors(self) -> list[str | None]:
        return [result.error for _, result in sorted(self.results.items())]

    @property
    def halted_by(self) -> str | None:
        """The code of the error that stopped the crew."""
        return self.crew.error.code if self.crew.error else None

    def _settle(self, settled: list[tuple[Pending, RowResult]]) -> None:
        self._before_storing([pending.row.n for pending, _ in settled])
        for pending, result in settled:
            (self.results if result.finished else self.took)[pending.row.n] = result
