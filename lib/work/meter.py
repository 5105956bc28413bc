"""What one answer took: watched while it goes by, priced when it has ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from lib.core.chat import Done, Event, Finish, Usage
from lib.core.heard import clean, plausible
from lib.core.prices import Rates, machine_cost
from lib.providers.line import Line
from lib.work.app import App
from lib.work.busy import Busy
from lib.work.models import Choice


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer took. Times in milliseconds from the moment it was sent; None is unknown.

    `tokens_per_second` is the speed after the first token, thinking included. `rates` is what an
    API's tokens cost; a local answer costs `usd_per_hour` for its `busy_s`, the seconds of the
    machine that were its own.
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
    rates: Rates | None = None
    usd_per_hour: Decimal | None = None
    busy_s: float | None = None


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
            self.usage = plausible(event)
        elif isinstance(event, Done):
            self.done = replace(event, version=clean(event.version))
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


def receipt_of(app: App, choice: Choice, meter: Meter) -> Receipt:
    """What the answer took and what it cost, as far as it has gone."""
    ended = meter.now()
    total_s = ended - meter.started
    usage, done = meter.counted(), meter.done
    rates = usd_per_hour = busy_s = None
    if meter.share_s is None:
        cost = api_cost(app, choice.info.name, usage, done)
        rates = app.prices.rates(choice.info.name, datetime.now(UTC).date(), done.tier)
    else:
        usd_per_hour, busy_s = app.settings.gpu_usd_per_hour, meter.share_s(ended)
        cost = machine_cost(usd_per_hour, busy_s)
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
        rates=rates,
        usd_per_hour=usd_per_hour,
        busy_s=busy_s,
    )


def api_cost(app: App, name: str, usage: Usage, done: Done) -> Decimal | None:
    """USD of an API's answer; an alias is priced as the model that answered, or not at all."""
    now, version = datetime.now(UTC), (done.version or name).removeprefix("models/")
    cost = app.prices.cost(usage, version, now, done.tier)
    if cost is None and not name.endswith("-latest"):
        cost = app.prices.cost(usage, name, now, done.tier)
    return cost
