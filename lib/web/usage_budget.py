"""This month against its budget, whatever the chosen period is."""

from decimal import Decimal

import streamlit as st

from lib.web import budget_note, kit, usage_charts
from lib.web.job_quality import PLAIN, percent
from lib.web.texts import _, usd
from lib.work import budget

ONE_TENTH = Decimal("0.1")  # below it a whole per cent says too little


def show() -> None:
    """A bar with numbers, or how to set a budget."""
    found = budget.state(kit.app())
    if found is None:
        st.caption(
            _("No budget is set. With MONTHLY_BUDGET_USD, set by whoever runs this server, calls "
              "that could exceed it are refused before they are sent.")
        )  # fmt: skip
        return
    told = _("**{used}** of this month's budget of {all} is used: {spent} spent, {reserved} "
             "reserved, {left} left.")  # fmt: skip
    amounts = {
        "all": found.monthly_usd, "spent": found.spent_usd, "reserved": found.reserved_usd,
        "left": found.left_usd,
    }  # fmt: skip
    shown = {name: kit.literal(usd(amount)) for name, amount in amounts.items()}
    used = percent(float(found.share), 0 if found.share >= ONE_TENTH else 1)
    st.markdown(
        told.format(used=used, **shown),
        help=_("Reserved is what running calls could cost at most, and calls that broke off and "
               "never said what they took. Months are those of UTC."),
    )  # fmt: skip
    st.plotly_chart(
        usage_charts.budget(found), key="usage_budget", config=PLAIN,
        alt=_("Spent, reserved and left of the month's budget"),
    )  # fmt: skip
    budget_note.warn(found)
