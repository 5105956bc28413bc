"""This month against a plan: like with like, and a word on what is compared."""

from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import streamlit as st

from lib.core.estimate import Estimate
from lib.core.plan import Comparison, Course, Side
from lib.core.sentences import sentences, tokens
from lib.web import kit
from lib.web.job_quality import exact, percent
from lib.web.texts import UNKNOWN, _, number, usd
from lib.web.usage_view import unpriced
from lib.work import plans

_SIDES: dict[Side, str] = {"api": _("Calls through the API"), "gpu": _("Calls to own models")}


def show() -> None:
    """Choose a plan and one of its sides; without a plan, how to get one."""
    st.subheader(_("This month against a plan"))
    saved = kit.app().plans.all()
    if not saved:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                _("No plan yet: estimate a month, and choose «Save as a plan» there."),
                width="content",
            )
            st.page_link("estimate.py", label=_("Estimate"), icon=":material/query_stats:")
        return
    month = plans.this_month(kit.app())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(_("Plan"), list(saved), key="plan", bind="query-params", width=320)
        side: Side = (
            st.segmented_control(
                _("What is compared"), list(_SIDES), default=month.main_side, required=True,
                format_func=_SIDES.__getitem__, key="side", bind="query-params",
            )
            or "api"
        )  # fmt: skip
        _delete(name)
    with kit.friendly_errors():
        found, made = plans.against(kit.app(), saved[name], side, month)
        _planned(found)
        _table(made, side)
        st.caption(kit.literal(" ".join(_notes(made, side))))


def _delete(name: str) -> None:
    # A key for each plan: an open question must not turn into one about the next plan.
    with st.popover(_("Delete"), icon=":material/delete:", key=f"plan_ask_{name}"):
        st.markdown(_("Delete this plan? What was spent stays counted."))
        st.button(
            _("Delete it"), key="plan_delete", type="primary",
            on_click=kit.app().plans.delete, args=(name,),
        )  # fmt: skip


def _planned(found: Estimate) -> None:
    today = _("Planned figures are at today's prices, not at those of the day it was saved.")
    st.caption(kit.literal(f"{sentences(found)[0]} {today}"))


def _table(made: Comparison, side: Side) -> None:
    now = _("expected by now ({share})").format(share=percent(float(made.tokens.elapsed), 0))
    rows = [
        _row(_("tokens, in and out"), made.tokens, tokens, now),
        _row(_("dollars") if side == "api" else _("rent"), made.usd, usd, now),
        {
            _("this month"): _("dollars per million tokens"),
            _("planned"): exact(made.planned_usd_per_mtok),
            _("so far"): exact(made.paid_usd_per_mtok if side == "api" else None),
        },
    ]
    table = pd.DataFrame(rows).fillna("")
    right = st.column_config.Column(alignment="right")
    st.dataframe(
        table, hide_index=True, alt=_("The plan beside this month"),
        column_config=dict.fromkeys(table.columns[1:], right),
    )  # fmt: skip


def _row(name: str, course: Course, written: Callable[[Decimal], str], now: str) -> dict[str, str]:
    def shown(amount: Decimal | None) -> str:
        return UNKNOWN if amount is None else written(amount)

    return {
        _("this month"): name,
        _("planned"): shown(course.planned),
        now: shown(course.expected),
        _("so far"): shown(course.so_far),
        _("month's end at this pace"): shown(course.at_this_pace),
    }


def _notes(made: Comparison, side: Side) -> list[str]:
    """What stands beside what, and what is left out."""
    calls = number(made.calls.calls)
    if side == "api":
        notes = [_("Compared: all {n} calls of this month through the API.").format(n=calls)]
        if without := unpriced(made.calls):
            text = _("Not in the dollars: {calls}. The price per million tokens is that of {n} "
                     "calls whose price is known.")  # fmt: skip
            priced = number(made.priced.calls)
            notes.append(text.format(calls=without.removeprefix("+ "), n=priced))
    else:
        text = _("Compared: the tokens of all {n} calls of this month to own models, and not the "
                 "rent: it runs on while a machine waits, but the ledger knows its busy seconds "
                 "only.")  # fmt: skip
        notes = [text.format(n=calls)]
        if made.paid_usd_per_mtok is not None:
            text = _("For those alone a million tokens cost {usd}.")
            notes.append(text.format(usd=exact(made.paid_usd_per_mtok)))
    if made.calls.calls and made.tokens.so_far is not None and made.tokens.at_this_pace is None:
        notes.append(_("What the month will come to is told from its second day on."))
    return notes
