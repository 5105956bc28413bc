"""A speed test that has ended: its curves, beside another one's; its table; what to do with it."""

from collections.abc import Sequence

import streamlit as st

from lib.core.errors import AppError
from lib.store.speed_tests import SpeedTest
from lib.web import job_list, kit, speed_chart, speed_table, speed_use, speed_words
from lib.web.job_quality import PLAIN
from lib.web.speed_words import SHOWN
from lib.web.texts import _, usd

OTHER = "speed_with"  # in the URL: the test that is drawn beside it
NAMES = ("A", "B")


def show(test: SpeedTest, others: Sequence[SpeedTest]) -> None:
    """`others` are those it may be compared with."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            speed_words.badge(test)
            st.markdown(f"**{kit.literal(speed_words.subject(test))}**", width="content")
        st.caption(kit.literal(_facts(test)))
        _ending(test)
        if test.levels:
            _figures(test, others)
            speed_use.link(test)
        _delete(test)


def _facts(test: SpeedTest) -> str:
    """«23 Nov 2026, 10:20 UTC · 512 in, 128 out · 91 calls · $0.0123»."""
    parts = [
        job_list.when(test.created),
        *speed_words.place(test),
        speed_words.sizes(test.plan),
        _("{n} calls").format(n=test.calls),
    ]
    if test.cost_usd is not None:
        parts.append(usd(test.cost_usd))
    return " · ".join(parts)


def _ending(test: SpeedTest) -> None:
    """Why it has fewer levels than were asked for."""
    if test.error:
        kit.show_problem(test.error["message"], test.error["hint"], test.error.get("retry_after_s"))
    elif test.state == "interrupted":
        st.caption(_("The server was stopped while it ran. Levels that were finished are kept."))
    if not test.levels:
        st.caption(_("No level was finished, so there are no figures."))


def _figures(test: SpeedTest, others: Sequence[SpeedTest]) -> None:
    shown = [test, *_compared(test, others)]
    left, right = st.columns([3, 2])
    left.plotly_chart(
        speed_chart.rates(shown, NAMES), key="speed_rates", config=PLAIN, theme="streamlit",
        alt=_("Prompt and answer tokens a second against the number of streams"),
    )  # fmt: skip
    right.plotly_chart(
        speed_chart.first_tokens(shown, NAMES), key="speed_first", config=PLAIN,
        theme="streamlit", alt=_("Time to the first token against the number of streams"),
    )  # fmt: skip
    for name, one in zip(NAMES, shown, strict=False):
        if len(shown) > 1:
            st.markdown(f"**{name}:** {kit.literal(_named(one))}")
        speed_table.show(one)
    speed_table.notes(test)


def _compared(test: SpeedTest, others: Sequence[SpeedTest]) -> list[SpeedTest]:
    """At most one, chosen by the reader; the URL holds its id."""
    by_id = {one.id: one for one in others if one.id != test.id and one.levels}
    if not by_id:
        return []
    if (asked := st.query_params.get(OTHER)) in by_id:
        st.session_state.setdefault("speed_other", asked)
    chosen = st.selectbox(
        _("Compare with"), list(by_id), index=None, key="speed_other",
        placeholder=_("another test"), format_func=lambda one: _named(by_id[one]),
    )  # fmt: skip
    if chosen is None:
        st.query_params.pop(OTHER, None)
        return []
    st.query_params[OTHER] = chosen
    return [by_id[chosen]]


def _named(test: SpeedTest) -> str:
    parts = (speed_words.subject(test), *speed_words.place(test), job_list.when(test.created))
    return " · ".join(parts)


def _delete(test: SpeedTest) -> None:
    # A key for each test: an open question must not turn into one about the next test.
    with st.popover(_("Delete"), icon=":material/delete:", key=f"speed_ask_{test.id}"):
        st.markdown(_("Delete these figures? What the calls cost stays counted."))
        if st.button(_("Delete it"), key=f"speed_delete_{test.id}", type="primary"):
            try:
                kit.speed().delete(test.id)
            except AppError as error:
                kit.show_error(error)
                return
            st.query_params.pop(SHOWN, None)
            st.rerun()
