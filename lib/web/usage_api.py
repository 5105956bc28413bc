"""What was spent, over the JSON API: sums by day, model or source, and the log call by call."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from lib.core import period
from lib.core.spend import By, Totals
from lib.web.pieces import streamed
from lib.web.pool import Pool
from lib.web.shapes import UsageShape
from lib.work import budget, usage_files
from lib.work.answer import usage_facts
from lib.work.app import App

When = Annotated[
    str | None,
    Query(
        description="ISO 8601; without a zone it is UTC.",
        json_schema_extra={
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"const": ""},
                {"type": "null"},
            ]
        },
    ),
]
_LOG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


class TotalsShape(BaseModel):
    """Sums of what is known; null when nothing is."""

    calls: int
    usage: UsageShape
    cost_usd: float | None = Field(description="US dollars of the calls that have a price")
    unpriced_calls: int = Field(description="calls whose cost is unknown, not in cost_usd")


class GroupShape(TotalsShape):
    key: str


class BudgetShape(BaseModel):
    """This calendar month, UTC; `reserved_usd` is held by calls under way or of unknown cost."""

    monthly_usd: float
    spent_usd: float
    reserved_usd: float
    left_usd: float
    warning: bool = Field(description="four fifths or more are spent or reserved")


class UsageAnswer(TotalsShape):
    budget: BudgetShape | None = Field(None, description="absent without MONTHLY_BUDGET_USD")
    groups: list[GroupShape]


def usage_routes(app: App, problems: dict[int | str, dict[str, Any]]) -> APIRouter:
    routes = APIRouter(responses=problems)
    pool = Pool(4)

    @routes.get("/usage", response_model=UsageAnswer, response_model_exclude_unset=True)
    async def get_usage(
        since: When = None,
        until: When = None,
        group: Literal["day", "model", "source"] = "day",
    ) -> Any:
        """What calls took in a period; times are ISO 8601 in UTC, and a last day counts whole."""
        asked = period.parse(since, until)
        return await pool.run(_answer, app, asked, group)

    @routes.get("/usage.jsonl", response_class=StreamingResponse, responses=_LOG)
    async def get_usage_log(since: When = None, until: When = None) -> StreamingResponse:
        """A line of JSON for each call, oldest first."""
        lines = await streamed(pool.run, usage_files.jsonl(app, period.parse(since, until)))
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="usage.jsonl"',
        }
        return StreamingResponse(lines, 200, headers, "application/x-ndjson")

    return routes


def _answer(app: App, asked: period.Period, group: By) -> dict[str, Any]:
    spend, month = app.usage.spend(asked), budget.state(app)
    answer: dict[str, Any] = _totals(spend.total)
    if month is not None:
        answer["budget"] = {
            "monthly_usd": float(month.monthly_usd),
            "spent_usd": float(month.spent_usd),
            "reserved_usd": float(month.reserved_usd),
            "left_usd": float(month.left_usd),
            "warning": month.warns,
        }
    answer["groups"] = [{"key": key, **_totals(one)} for key, one in spend.by(group).items()]
    return answer


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "calls": totals.calls,
        "usage": usage_facts(totals.usage),
        "cost_usd": None if totals.cost_usd is None else float(totals.cost_usd),
        "unpriced_calls": totals.unpriced_calls,
    }
