"""The one door to a model: every call is measured, priced and written to the ledger here."""

import logging
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lib.core.chat import (
    Done,
    Event,
    Finish,
    ModelInfo,
    Option,
    Request,
    Source,
    Text,
    Thought,
)
from lib.core.errors import AppError, BadReply, EndedByBudget, OverBudget, Unsupported
from lib.core.prices import STANDARD, Price, machine_cost
from lib.providers.line import HungUp, Line
from lib.store.ledger import Outcome
from lib.work.app import App
from lib.work.longer import Longer
from lib.work.meter import Meter, Receipt, receipt_of
from lib.work.models import Choice

log = logging.getLogger(__name__)

MOST_NAMED = 4  # models in a hint

# What an option is when it is not sent.
NOT_SENT: dict[Option, Any] = {
    "temperature": None,
    "top_p": None,
    "seed": None,
    "stop": (),
    "json_schema": None,
    "media_resolution": None,
}


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
    the second case the receipt still comes. Errors follow their row. The `job` has a budget too.
    """
    request = check_reads(app, choice.info, request)
    line = line or Line(app.settings.model_timeout_s)
    line.begin()
    call = app.ledger.open(choice.info.id, source, most_it_can_cost(app, choice, request), job)
    longer = Longer(app.ledger, call, line, *_piece(app, choice))
    meter = Meter(line, None if choice.info.provider == "gemini" else app.busy)
    error: AppError | None = None
    try:
        longer.begin()
        with suppress(HungUp), closing(choice.provider.stream(request)) as events:
            while (event := _next(events, line)) is not None:
                meter.take(event)
                if isinstance(event, Text | Thought):
                    yield event
    except AppError as caught:
        if not line.hung_up:
            error = caught
            raise
    except Exception:
        error = BadReply("Something in this app went wrong.")
        raise
    finally:
        ended = longer.end()
        receipt = _close(app, choice, call, source, meter, error or ended)
    if ended:
        raise ended
    yield receipt


def fit(info: ModelInfo, request: Request) -> Request:
    """The request as this model takes it; Unsupported when it cannot read what is in it."""
    for modality in sorted(request.modalities):
        if modality not in info.input:
            raise Unsupported(f"{info.id} cannot read {modality} input.")
    left_out: dict[str, Any] = {name: NOT_SENT[name] for name in NOT_SENT if name not in info.takes}
    if request.thinking not in info.thinking:
        left_out["thinking"] = None
    request = replace(request, **left_out)
    if info.max_output_tokens and request.max_tokens > info.max_output_tokens:
        request = replace(request, max_tokens=info.max_output_tokens)
    return replace(request, model=info.name)


def check_reads(app: App, info: ModelInfo, request: Request) -> Request:
    """As `fit`, but the hint of an Unsupported names models that can read the request."""
    try:
        return fit(info, request)
    except Unsupported as error:
        raise Unsupported(str(error), hint=_who_reads(app, request)) from error


def _who_reads(app: App, request: Request) -> str:
    able = [info.id for info in app.models.readers(request.modalities)]
    if able:
        return f"These can: {', '.join(able[:MOST_NAMED])}."
    pulled = request.modalities == {"text", "image"}
    local = ", or pull one that sees in Ollama, e.g. «ollama pull gemma3:4b»" if pulled else ""
    return f"No model here can. Set GOOGLE_API_KEY to use Gemini{local}."


def price_of(app: App, info: ModelInfo) -> Price | None:
    """Today's headline price of a model; local models have none per token."""
    if info.provider != "gemini":
        return None
    return app.prices.price(info.name, datetime.now(UTC).date())


def most_it_can_cost(app: App, choice: Choice, request: Request, tier: str = STANDARD) -> Decimal:
    """USD to reserve. A local answer of unknown price is not held against a budget."""
    if choice.info.provider != "gemini":
        return _piece(app, choice)[1]
    most = app.prices.worst_case(request, choice.info.context_tokens, datetime.now(UTC), tier)
    if most.is_finite():
        return most
    if app.ledger.budget_usd is None:
        return Decimal(0)
    raise OverBudget(
        f"The price of {choice.info.id} is not known, so the monthly budget cannot be kept.",
        hint="Choose a model with a price. Whoever runs this server can unset MONTHLY_BUDGET_USD.",
    )


def _piece(app: App, choice: Choice) -> tuple[float, Decimal]:
    """For how many seconds a local answer's cost is reserved at a time, and that cost in USD."""
    settings = app.settings
    local = choice.info.provider != "gemini"
    rate = settings.gpu_usd_per_hour if local else None
    return settings.model_timeout_s, machine_cost(rate, settings.model_timeout_s) or Decimal(0)


def _next(events: Generator[Event, None, None], line: Line) -> Event | None:
    """The next event; what this thread reads meanwhile belongs to the line."""
    with line.held():
        event = next(events, None)
    if line.hung_up:
        raise HungUp
    if isinstance(event, Text | Thought):
        line.first_token()
    return event


def _close(
    app: App, choice: Choice, call: str, source: Source, meter: Meter, error: AppError | None
) -> Receipt:
    if error:
        meter.done = Done(Finish.ERROR)
    receipt = receipt_of(app, choice, meter)
    if isinstance(error, EndedByBudget):
        error.cost_usd = receipt.cost_usd
    app.ledger.close(call, _outcome(receipt, error))
    # A job's thousands of calls stand in the ledger; the log is for people.
    level = logging.DEBUG if source == "job" and not error else logging.INFO
    log.log(level, "%s %s %s", receipt.model, source, error.code if error else receipt.finish)
    return receipt


def _is_known(receipt: Receipt, error: AppError | None) -> bool:
    """Whether a call's cost is what was counted, also when it broke.

    A machine's time costs the same whatever came of it; what an API charges for half an answer,
    nobody knows.
    """
    if error is None or isinstance(error, OverBudget):
        return True
    return receipt.usd_per_hour is not None and not error.costs_nothing


def _outcome(receipt: Receipt, error: AppError | None) -> Outcome:
    return Outcome(
        finish=receipt.finish,
        usage=receipt.usage,
        cost_usd=receipt.cost_usd if _is_known(receipt, error) else None,
        released=error is not None and error.costs_nothing,
        error=error.code if error else None,
        ttft_ms=receipt.ttft_ms,
        total_ms=receipt.total_ms,
        version=receipt.version,
        tier=receipt.tier,
    )
