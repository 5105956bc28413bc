"""The chosen period: its figures, a chart by day, tables, and the calls as files."""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from lib.core.period import Period
from lib.core.spend import Spend, Totals
from lib.web import kit, usage_charts, usage_tables
from lib.web.job_quality import PLAIN
from lib.web.texts import _, number, usd
from lib.web.usage_charts import Measure
from lib.web.usage_period import days
from lib.work import usage_files

_MEASURES: dict[Measure, str] = {"usd": _("Dollars"), "tokens": _("Tokens"), "calls": _("Calls")}


def teach() -> None:
    """What will stand here, for somebody who has not called a model yet."""
    st.markdown(
        _("Every call to a model is counted here, however it ends: its tokens, its time and its "
          "price. None was made yet.")
    )  # fmt: skip
    st.page_link("chat.py", label=_("Ask a model something"), icon=":material/chat:")


def show(period: Period) -> None:
    """All of it; with no call in the period, that."""
    spend = kit.app().usage.spend(period)
    if not spend.slices:
        st.info(_("No call in this time; «All» has every one."))
        return
    _headline(spend.total)
    # Fragments: another measure or table is no reason to add the ledger up again.
    st.fragment(_chart)(spend, period)
    st.fragment(_tables)(spend, period)
    _files(period)


def _headline(total: Totals) -> None:
    used = total.usage
    with st.container(horizontal=True):
        _figure(_("Spent"), usd(total.cost_usd), unpriced(total), _spent_help(total))
        _figure(_("Calls"), number(total.calls), _running(total))
        _figure(_("Tokens in"), number(used.input_tokens), _part(_("cached"), used.cached_tokens))
        _figure(
            _("Tokens out"), number(used.output_tokens), _part(_("thinking"), used.thinking_tokens)
        )
        _figure(_("Failed calls"), number(total.errors))


def _figure(
    label: str, value: str, beside: str | None = None, explained: str | None = None
) -> None:
    st.metric(
        label, value, beside, border=True, height="stretch", help=explained, delta_color="off",
        delta_arrow="off",
    )  # fmt: skip


def unpriced(totals: Totals) -> str | None:
    """«+ 3 calls without a price»: they are in no sum of dollars."""
    if not totals.unpriced_calls:
        return None
    one = totals.unpriced_calls == 1
    text = _("+ 1 call without a price") if one else _("+ {n} calls without a price")
    return text.format(n=number(totals.unpriced_calls))


def _spent_help(total: Totals) -> str | None:
    if not total.unpriced_calls:
        return None
    told = _("Without a price are calls to local models while GPU_USD_PER_HOUR is not set, calls "
             "that failed or broke off, and those still running.")  # fmt: skip
    if total.reserved_usd:
        held = _("Up to {usd} more may be due for those that never said what they took.")
        told += " " + held.format(usd=usd(total.reserved_usd))
    return kit.literal(told)


def _running(total: Totals) -> str | None:
    return (
        _("{n} without an end yet").format(n=number(total.in_flight)) if total.in_flight else None
    )


def _part(name: str, tokens: int | None) -> str | None:
    """«1,024 cached»; None says nothing of what nobody counted."""
    return None if tokens is None else f"{number(tokens)} {name}"


def _chart(spend: Spend, period: Period) -> None:
    by: Measure = (
        st.segmented_control(
            _("A bar a day"), list(_MEASURES), default="usd", required=True, key="measure",
            format_func=_MEASURES.__getitem__, bind="query-params",
        )
        or "usd"
    )  # fmt: skip
    first, last = days(period, datetime.now(UTC).date())
    if by == "usd" and spend.total.cost_usd is None:
        st.caption(
            _("No call in this time has a price: set GPU_USD_PER_HOUR, what this machine costs, "
              "to price local models.")
        )  # fmt: skip
        return
    st.plotly_chart(
        usage_charts.daily(spend, by, first, last), key="usage_daily", config=PLAIN,
        alt=_("{what} by day and model").format(what=_MEASURES[by]),
    )  # fmt: skip
    if by == "usd" and (left_out := unpriced(spend.total)):
        st.caption(_("Not in the bars: {calls}.").format(calls=left_out.removeprefix("+ ")))


def _tables(spend: Spend, period: Period) -> None:
    names = [_("Models"), _("Pages"), _("Failed calls"), _("Newest calls")]
    models, pages, failed, newest = st.tabs(names, key="table", bind="query-params")
    if models.open:
        with models:
            usage_tables.models(spend, kit.app().usage.speeds(period))
    if pages.open:
        with pages:
            usage_tables.pages(spend)
    if failed.open:
        with failed:
            usage_tables.failed(spend)
    if newest.open:
        with newest:
            usage_tables.newest(kit.app().usage.newest(period, usage_tables.MOST))


def _files(period: Period) -> None:
    """Made when they are asked for: a ledger may be long."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("Every call of this time:"), width="content")
        st.download_button(
            "CSV", partial(as_csv, period), "usage.csv", "text/csv", icon=":material/csv:",
            on_click="ignore", key="usage_csv",
        )  # fmt: skip
        st.download_button(
            "JSONL", partial(as_jsonl, period), "usage.jsonl", "application/x-ndjson",
            icon=":material/data_object:", on_click="ignore", key="usage_jsonl",
        )  # fmt: skip


def as_csv(period: Period) -> bytes:
    return b"".join(usage_files.csv_file(kit.app(), period))


def as_jsonl(period: Period) -> bytes:
    return b"".join(usage_files.jsonl(kit.app(), period))
