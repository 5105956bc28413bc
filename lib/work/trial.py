"""Some rows asked before a job, and what the whole job would take and cost, here and elsewhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import islice

from lib.core.prices import BATCH, MTOK, STANDARD, Rates
from lib.core.spec import Spec, check_columns
from lib.core.task import RowResult
from lib.store.row_files import Table
from lib.work.app import App
from lib.work.classify import Classification
from lib.work.job_runs import CONCURRENCY
from lib.work.pictures import read_picture

TRIED = 20
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class TriedRow:
    n: int
    text: str | None
    result: RowResult


@dataclass(frozen=True, slots=True)
class Trial:
    """`model` is the full id of the one that answered."""

    model: str
    rows: tuple[TriedRow, ...]


@dataclass(frozen=True, slots=True)
class OtherPrice:
    """The same tokens at another model's prices; `batch_usd` through its Batch API, if any."""

    model: str
    usd: Decimal
    batch_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class JobEstimate:
    """What all rows would take, from those that were tried; low and high bound 95 %.

    Money in USD, None when a price or a count is unknown; tokens are of the whole job. Of a batch
    nobody knows the time, and its money is what the tokens cost there.
    """

    rows: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    usd: Decimal | None
    usd_low: Decimal | None
    usd_high: Decimal | None
    minutes: float | None
    minutes_low: float | None
    minutes_high: float | None
    others: tuple[OtherPrice, ...]


def try_rows(app: App, table: Table, spec: Spec, most: int = TRIED) -> Trial:
    """Ask the first rows of a file, as the job would."""
    pictures = table.kind == "zip"
    check_columns(spec, table.columns, pictures)
    column = "file" if pictures else spec.text_column or ""
    texts = [text for (text,) in islice(table.texts(column), most)]
    picture = (lambda n: read_picture(table.picture(n))) if pictures else None
    asked = Classification(app, spec, texts, picture)
    found = zip(texts, asked.run(), strict=True)
    rows = (TriedRow(n, text, result) for n, (text, result) in enumerate(found))
    return Trial(asked.model, tuple(rows))


def estimate(app: App, trial: Trial, spec: Spec, rows_total: int) -> JobEstimate:
    """The trial's means, scaled to `rows_total` rows."""
    results = [row.result for row in trial.rows]
    scale = partial(_scaled, rows=rows_total)
    tokens_in = scale([one.usage.input_tokens for one in results])
    tokens_out = scale([one.usage.output_tokens for one in results])
    cost = scale([_cost(app, trial.model, one, spec) for one in results])
    usd, usd_low, usd_high = (_usd(value) for value in cost)
    at_once = spec.concurrency or CONCURRENCY[trial.model.partition("/")[0]]
    asked = [one.latency_ms for one in results if one.latency_ms is not None]
    # A row of a pack carries its whole call's time.
    lanes = at_once * spec.rows_per_request * 60_000.0
    took = scale([] if spec.batch else asked)
    minutes, low, high = (None if ms is None else ms / lanes for ms in took)
    return JobEstimate(
        rows=rows_total,
        calls=math.ceil(rows_total / spec.rows_per_request) * spec.votes,
        input_tokens=_whole(tokens_in[0]),
        output_tokens=_whole(tokens_out[0]),
        usd=usd,
        usd_low=usd_low,
        usd_high=usd_high,
        minutes=minutes,
        minutes_low=low,
        minutes_high=high,
        others=_others(app, trial.model, tokens_in[0], tokens_out[0]),
    )


Interval = tuple[float, float, float] | tuple[None, None, None]


def _scaled(values: Sequence[float | Decimal | None], rows: int) -> Interval:
    """Mean of the known values times `rows`, with its 95 % interval; unknown if one is missing."""
    known = [float(value) for value in values if value is not None]
    if not known or len(known) < len(values):
        return None, None, None
    mean = math.fsum(known) / len(known)
    spread = math.fsum((value - mean) ** 2 for value in known) / max(1, len(known) - 1)
    error = Z * math.sqrt(spread / len(known))
    return mean * rows, max(0.0, mean - error) * rows, (mean + error) * rows


def _cost(app: App, model: str, tried: RowResult, spec: Spec) -> Decimal | None:
    if not spec.batch:
        return tried.cost_usd
    name = model.partition("/")[2]
    return app.prices.cost(tried.usage, name, datetime.now(UTC), BATCH)


def _usd(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.6g}")


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _others(
    app: App, but: str, tokens_in: float | None, tokens_out: float | None
) -> tuple[OtherPrice, ...]:
    """Every priced model, the trial's own too where it has a batch price; cheapest first."""
    if tokens_in is None or tokens_out is None:
        return ()
    today, found = datetime.now(UTC).date(), []
    for name in app.prices.models:
        usd, batch_usd = (
            _bill(app.prices.rates(name, today, tier), tokens_in, tokens_out)
            for tier in (STANDARD, BATCH)
        )
        if usd is not None and (f"gemini/{name}" != but or batch_usd is not None):
            found.append(OtherPrice(f"gemini/{name}", usd, batch_usd))
    return tuple(sorted(found, key=lambda one: one.usd))


def _bill(rates: Rates | None, tokens_in: float, tokens_out: float) -> Decimal | None:
    if rates is None:
        return None
    bill = rates.input_usd_per_mtok * Decimal(tokens_in)
    return (bill + rates.output_usd_per_mtok * Decimal(tokens_out)) / MTOK
