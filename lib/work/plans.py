"""This month beside a plan: its estimate at today's prices, and the ledger."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from lib.core.estimate import Estimate
from lib.core.period import Period
from lib.core.plan import Comparison, Side, compare, side_of
from lib.core.spend import Spend
from lib.work import estimates
from lib.work.app import App


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month (UTC) as it stands: its calls, and the share of it that is over (0 to 1)."""

    spend: Spend
    elapsed: Decimal

    @property
    def main_side(self) -> Side:
        """Where most calls went."""
        by_model = self.spend.by("model")
        local = sum(one.calls for name, one in by_model.items() if side_of(name) == "gpu")
        return "gpu" if 2 * local > self.spend.total.calls else "api"


def this_month(app: App, now: datetime | None = None) -> Month:
    now = (now or datetime.now(UTC)).astimezone(UTC)
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = (since + timedelta(days=31)).replace(day=1)
    elapsed = Decimal((now - since).total_seconds()) / Decimal((until - since).total_seconds())
    return Month(app.usage.spend(Period(since, until)), elapsed)


def against(
    app: App, body: dict[str, Any], side: Side, month: Month
) -> tuple[Estimate, Comparison]:
    """A plan's estimate, and one side of it beside the month; BadInput when it fits no more."""
    found = estimates.run(app, body)
    return found, compare(found, side, month.spend, month.elapsed)
