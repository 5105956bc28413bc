"""The ledger as files: the guide's log in JSON Lines, and the same columns as CSV."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from lib.core.period import Period
from lib.store.cells import cell_text
from lib.store.safe_cells import guarded
from lib.work.app import App

COLUMNS = (
    "timestamp", "prompt_tokens", "output_tokens", "total_tokens", "estimated_cost_usd", "model",
    "source", "thinking_tokens", "cached_tokens", "ttft_ms", "total_ms", "finish", "error",
)  # fmt: skip


def jsonl(app: App, period: Period) -> Iterator[bytes]:
    """A line for each call, oldest first; null is unknown, `estimated_cost_usd` a number."""
    for calls in app.usage.calls(period):
        yield "".join(json.dumps(_numbers(line(call))) + "\n" for call in calls).encode()


def csv_file(app: App, period: Period) -> Iterator[bytes]:
    """The same, with a header, unknown as an empty cell, no cell a formula, costs exact."""
    yield _csv([COLUMNS])
    for calls in app.usage.calls(period):
        rows = (line(call).values() for call in calls)
        yield _csv([guarded(cell_text(cell) or "") for cell in row] for row in rows)


def line(call: dict[str, Any]) -> dict[str, Any]:
    """A row of the ledger under the log's names; the cost stays a Decimal."""
    known = (call["input_tokens"], call["output_tokens"])
    total = None if None in known else sum(known)
    values = (
        call["started"], *known, total, call["cost_usd"], call["model"], call["source"],
        call["thinking_tokens"], call["cached_tokens"], call["ttft_ms"], call["total_ms"],
        call["finish"], call["error"],
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    cost = fields["estimated_cost_usd"]
    return {**fields, "estimated_cost_usd": None if cost is None else float(cost)}


def _csv(rows: Any) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
