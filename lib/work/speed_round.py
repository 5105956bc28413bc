"""Calls that start together, each with the moments at which its answer came.

The moments are taken where the adapter hands an event over, so neither the ledger nor the budget
is part of what is measured.
"""

import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal

from lib.core.chat import Done, Event, Finish, ModelInfo, Request, Text, Thought
from lib.core.errors import AppError, Busy
from lib.core.speed import MOST_TOKENS
from lib.core.speed_sums import TimedCall
from lib.providers.line import Line
from lib.work.app import App
from lib.work.ask import ask
from lib.work.meter import Receipt
from lib.work.models import Choice


class NotMade(Busy):
    """Another call of the round failed before the start, so this one was not sent."""


@dataclass(frozen=True, slots=True)
class Took:
    """What came of a call. `timed` None: it tells no speed. `cost_usd` None is unknown.

    `done` is the adapter's last event, with what the engine says of its own times. `sent` False:
    it failed before anything went to the server.
    """

    timed: TimedCall | None = None
    cost_usd: Decimal | None = None
    error: AppError | None = None
    done: Done | None = None
    sent: bool = True


class Round:
    """`run` makes all calls at the same moment; `hang_up` ends them at once, from any thread."""

    def __init__(self, app: App, choice: Choice, requests: Sequence[Request]) -> None:
        self._start = threading.Barrier(len(requests))
        self._calls = [_Call(app, choice, request, self._start) for request in requests]

    def run(self) -> list[Took]:
        with ThreadPoolExecutor(len(self._calls)) as pool:
            try:
                made = [pool.submit(call.run) for call in self._calls]
            except RuntimeError:
                self._start.abort()
                raise Busy("This server has no thread left for so many streams.") from None
            return [one.result() for one in made]

    def hang_up(self) -> None:
        self._start.abort()
        for call in self._calls:
            call.line.hang_up()


class _Call:
    """One call, and the adapter it goes through: the model's own with a watch on it."""

    def __init__(
        self, app: App, choice: Choice, request: Request, start: threading.Barrier
    ) -> None:
        self._app, self._choice, self._request, self._start = app, choice, request, start
        self.name = choice.provider.name
        self.line = Line(app.settings.model_timeout_s, sips=False)
        self._sent: float | None = None
        self._pieces: list[float] = []
        self._thought = False
        self._done: Done | None = None

    def run(self) -> Took:
        watched = replace(self._choice, provider=self)
        try:
            *_, receipt = ask(self._app, watched, self._request, "speedtest", self.line)
            assert isinstance(receipt, Receipt)
            return Took(self._timed(receipt), receipt.cost_usd, done=self._done)
        except AppError as error:
            cost = Decimal(0) if error.costs_nothing else None
            return Took(cost_usd=cost, error=error, sent=self._sent is not None)
        finally:
            if self._sent is None:
                self._start.abort()

    def stream(self, request: Request) -> Generator[Event, None, None]:
        """What the adapter yields, once all calls of the round are ready."""
        try:
            self._start.wait()
        except threading.BrokenBarrierError:
            raise NotMade("Another call of this round could not be made.") from None
        self.line.begin()
        self._sent = time.perf_counter()
        with closing(self._choice.provider.stream(request)) as events:
            for event in events:
                self._watch(event)
                yield event

    def models(self) -> list[ModelInfo]:
        return self._choice.provider.models()

    def close(self) -> None:
        """The adapter stays open for others."""

    def _watch(self, event: Event) -> None:
        if isinstance(event, Done):
            self._done = event
        elif isinstance(event, Text | Thought):
            self._pieces.append(time.perf_counter())
            self._thought = self._thought or isinstance(event, Thought)

    def _timed(self, receipt: Receipt) -> TimedCall | None:
        usage, ended = receipt.usage, receipt.finish in (Finish.STOP, Finish.LENGTH)
        if not ended or not self._pieces or self._sent is None:
            return None
        hidden = 0 if self._thought else usage.thinking_tokens or 0
        read, cached = usage.input_tokens or 0, usage.cached_tokens or 0
        written = (usage.output_tokens or 0) - hidden
        if not (0 < read <= MOST_TOKENS and 0 < written <= MOST_TOKENS and 0 <= cached <= read):
            return None
        return TimedCall(self._sent, tuple(self._pieces), read, written, cached)
