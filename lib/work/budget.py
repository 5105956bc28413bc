"""The month's budget as people see it: how much is used, and whether to warn."""

from dataclasses import dataclass
from decimal import Decimal

from lib.work.app import App

WARN_FROM = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Budget:
    """A calendar month (UTC). `reserved_usd` is held by calls under way or of unknown cost."""

    monthly_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal

    @property
    def left_usd(self) -> Decimal:
        return max(Decimal(0), self.monthly_usd - self.spent_usd - self.reserved_usd)

    @property
    def share(self) -> Decimal:
        """What is spent or reserved, as a share of the budget; above 1 when it was lowered."""
        used = self.spent_usd + self.reserved_usd
        return used / self.monthly_usd if self.monthly_usd else Decimal(1)

    @property
    def warns(self) -> bool:
        return self.share >= WARN_FROM

    @property
    def is_full(self) -> bool:
        return not self.left_usd


def state(app: App) -> Budget | None:
    """This month's; None when MONTHLY_BUDGET_USD is not set."""
    if app.ledger.budget_usd is None:
        return None
    month = app.ledger.month()
    return Budget(app.ledger.budget_usd, month.spent_usd, month.reserved_usd)
