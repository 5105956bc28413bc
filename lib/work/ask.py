"""The one door to a model: every call is measured, priced and written to the ledger here."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from lib.core.chat import (
    Done,
    Event,
    Finish,
    ModelInfo,
    Request,
    Source,
    Text,
    Thought,
    Usage,
)
from lib.core.errors import AppError, BadReply, OverBudget, Unsupported
from lib.core.prices import Price, machine_cost
from lib.providers.line import HungUp, Line
from lib.store.ledger import Outcome
from lib.work.app import App
from lib.work.busy import Busy
from lib.work.models import Choice

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer took. Times in milliseconds from the moment it was sent; None is unknown.

    `tokens_per_second` is the speed after the first token, thinking included.
    """

    model: str
    finish: Finish
    usage: Usage
    cost_usd: Decimal | None
    ttft_ms: float | None
    total_ms: float
    tokens_per_second: float | None
    version: str | None = None
    tier: str = "standard"
    load_ms: float | None = None
    prompt_cut: bool = False


def ask(
    app: App,
    choice: Choice,
    request: Request,
    source: Source,
    line: Line | None = None,
    job: str | None = None,
) -> Generator[Text | Thought | Receipt, None, None]:
    """Stream the answer, then its receipt; exactly one ledger row, however it ends.

    Closing the generator, or hanging up the line from any thread, ends the call as «stopped»; in
    the second case the receipt still comes. An error is raised after its row is written. A `job`
    is whose budget it counts against too.
    """
    request = fit(choice.info, request)
    line = line or Line(app.settings.model_timeout_s)
    call = app.ledger.open(choice.info.id, source, most_it_can_cost(app, choice, request), job)
    meter = Meter(line, None if choice.info.provider == "gemini" else app.busy)
    error: AppError | None = None
    try:
        with closing(choice.provider.stream(request)) as events:
            while (event := _next(events, line)) is not None:
                meter.take(event)
                if isinstance(event, Text | Thought):
                    yield event
    except HungUp:
        pass
    except AppError as caught:
        if not line.hung_up:
            error = caught
            meter.done = Done(Finish.ERROR)
            raise
    except Exception:
        meter.done = Done(Finish.ERROR)
        error = BadReply("Something in this app went wrong.")
        raise
    finally:
        receipt = _receipt(app, choice, meter)
        _close(app, call, source, receipt, error)
    yield receipt


def fit(info: ModelInfo, request: Request) -> Request:
    """The request as this model takes it; Unsupported when it cannot read what is in it."""
    for modality in sorted(request.modalities):
        if modality not in info.input:
            raise Unsupported(f"{info.id} cannot read {modality} input.")
    if not info.sampling:
        request = replace(request, temperature=None, top_p=None)
    if info.max_output_tokens and request.max_tokens > info.max_output_tokens:
        request = replace(request, max_tokens=info.max_output_tokens)
    return replace(request, model=info.name)


def price_of(app: App, info: ModelInfo) -> Price | None:
    """Today's headline price of a model; local models have none per token."""
    if info.provider != "gemini":
        return None
    return app.prices.price(info.name, datetime.now(UTC).date())


def most_it_can_cost(app: App, choice: Choice, request: Request) -> Decimal:
    """USD to reserve. A local answer of unknown price is not held against a budget."""
    if choice.info.provider != "gemini":
        return machine_cost(app.settings.gpu_usd_per_hour, app.settings.model_timeout_s) or Decimal(
            0
        )
    most = app.prices.worst_case(request, choice.info.context_tokens, datetime.now(UTC))
    if most.is_finite():
        return most
    if app.ledger.budget_usd is None:
        return Decimal(0)
    raise OverBudget(
        f"The price of {choice.info.id} is not known, so the monthly budget cannot be kept.",
        hint="Choose a model with a price, or run without MONTHLY_BUDGET_USD.",
    )


def _next(events: Generator[Event, None, None], line: Line) -> Event | None:
    """The next event; what this thread reads meanwhile belongs to the line."""
    with line.held():
        event = next(events, None)
    if line.hung_up:
        raise HungUp
    if isinstance(event, Text | Thought):
        line.first_token()
    return event


@dataclass(slots=True)
class Meter:
    """Watches one answer go by; a local one takes its share of the machine's `busy` seconds."""

    line: Line
    busy: Busy | None = None
    now: Callable[[], float] = time.perf_counter
    done: Done = field(default_factory=lambda: Done(Finish.STOPPED))
    usage: Usage = field(default_factory=Usage)
    started: float = field(init=False)
    share_s: Callable[[float], float] | None = field(init=False)
    first: float | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        self.started = self.now()
        self.share_s = self.busy.begin(self.started) if self.busy else None

    def take(self, event: Event) -> None:
        if isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Done):
            self.done = event
        else:
            self.last = self.now()
            self.first = self.first or self.last

    def counted(self) -> Usage:
        """The last count, but an unfinished answer with text and no counted output is unknown."""
        cut = self.done.finish in (Finish.STOPPED, Finish.INCOMPLETE, Finish.ERROR)
        if cut and self.first and not self.usage.output_tokens:
            return replace(self.usage, output_tokens=None, thinking_tokens=None)
        return self.usage

    def tokens_per_second(self) -> float | None:
        tokens = self.counted().output_tokens
        if not tokens or tokens < 2 or self.first is None or self.last is None:
            return None
        seconds = self.last - self.first
        return (tokens - 1) / seconds if seconds > 0.001 else None


def _receipt(app: App, choice: Choice, meter: Meter) -> Receipt:
    ended = meter.now()
    total_s = ended - meter.started
    usage, done = meter.counted(), meter.done
    if meter.share_s is None:
        cost = _api_cost(app, choice.info.name, usage, done)
    else:
        cost = machine_cost(app.settings.gpu_usd_per_hour, meter.share_s(ended))
    return Receipt(
        model=choice.info.id,
        finish=done.finish,
        usage=usage,
        cost_usd=cost,
        ttft_ms=(meter.first - meter.started) * 1000 if meter.first else None,
        total_ms=total_s * 1000,
        tokens_per_second=meter.tokens_per_second(),
        version=done.version,
        tier=done.tier,
        load_ms=done.load_ms,
        prompt_cut=done.prompt_cut,
    )


def _api_cost(app: App, name: str, usage: Usage, done: Done) -> Decimal | None:
    """An alias is priced as the model that really answered, or not at all."""
    now, version = datetime.now(UTC), (done.version or name).removeprefix("models/")
    cost = app.prices.cost(usage, version, now, done.tier)
    if cost is None and not name.endswith("-latest"):
        cost = app.prices.cost(usage, name, now, done.tier)
    return cost


def _close(app: App, call: str, source: Source, receipt: Receipt, error: AppError | None) -> None:
    app.ledger.close(call, _outcome(receipt, error))
    # A job's thousands of calls stand in the ledger; the log is for people.
    level = logging.DEBUG if source == "job" and not error else logging.INFO
    log.log(level, "%s %s %s", receipt.model, source, error.code if error else receipt.finish)


def _outcome(receipt: Receipt, error: AppError | None) -> Outcome:
    return Outcome(
        finish=receipt.finish,
        usage=receipt.usage,
        cost_usd=None if error else receipt.cost_usd,
        released=error is not None and error.costs_nothing,
        error=error.code if error else None,
        ttft_ms=receipt.ttft_ms,
        total_ms=receipt.total_ms,
        version=receipt.version,
        tier=receipt.tier,
    )
