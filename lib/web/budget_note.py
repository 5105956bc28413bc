"""A word about the month's budget where calls are made, and only when there is one to say."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from lib.web import kit
from lib.web.texts import _, usd
from lib.web.usage_period import written
from lib.work import budget
from lib.work.budget import Budget


def show() -> None:
    """Nothing without a budget, without a look at the database then; one small query with one."""
    found = budget.state(kit.app())
    if found is not None:
        warn(found)


def warn(found: Budget) -> None:
    """Quiet below four fifths, a warning from there on, an error when nothing is left."""
    if found.is_full:
        kit.show_problem(
            _("This month's budget of {usd} is used up.").format(usd=usd(found.monthly_usd)),
            _("Calls that cost something are refused until {day}. Whoever runs this server can "
              "raise MONTHLY_BUDGET_USD; local models without a price go on.").format(
                  day=_next_month()
            ),
        )  # fmt: skip
    elif found.warns:
        text = _("{left} of this month's budget of {all} is left. Calls that could cost more than "
                 "that are refused.")  # fmt: skip
        st.warning(
            kit.literal(text.format(left=usd(found.left_usd), all=usd(found.monthly_usd))),
            icon=":material/account_balance_wallet:",
        )


def _next_month() -> str:
    first = datetime.now(UTC).date().replace(day=1)
    return written((first + timedelta(days=31)).replace(day=1))
