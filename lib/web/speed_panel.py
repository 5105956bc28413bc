"""A speed test while it runs: how far it is, what it found so far, and the button that stops it."""

import streamlit as st

from lib.core.errors import AppError
from lib.core.speed import FEWEST_ROUNDS, MOST_ROUNDS, seconds_left
from lib.store.speed_tests import SpeedTest
from lib.web import kit, speed_table, speed_words
from lib.web.classify_trial import duration
from lib.web.texts import _, number

LOOK_S = 1.0


def show(test: SpeedTest) -> None:
    """Looks every second; when the test ends the whole page is drawn anew."""
    st.fragment(_panel, run_every=LOOK_S)(test.id)


def _panel(test_id: str) -> None:
    try:
        test = kit.speed().get(test_id)
    except AppError:  # deleted by somebody else
        st.rerun()
    if test.state != "running":
        st.rerun()
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            speed_words.badge(test)
            parts = (speed_words.subject(test), *speed_words.place(test))
            st.caption(kit.literal(" · ".join(parts)))
        st.progress(share(test), text=_told(test))
        if test.levels:
            speed_table.show(test)
        st.button(
            _("Stop"), icon=":material/stop:", key=f"speed_stop_{test.id}",
            on_click=_stop, args=(test.id,), help=_("Levels that are finished stay."),
        )  # fmt: skip


def share(test: SpeedTest) -> float:
    """How much is done, 0 to 1; a level counts its rounds as if all had to be made."""
    rounds = 0 if test.now is None else test.now[1] - 1
    return min(1.0, (len(test.levels) + rounds / MOST_ROUNDS) / len(test.plan.streams))


def _told(test: SpeedTest) -> str:
    calls = _("calls so far: {n}").format(n=number(test.calls))
    if test.now is None:
        doing = _("Warm-up: the model is loaded and the prompts are fitted")
        return f"{doing} · {calls}" if test.calls else doing
    streams, round_ = test.now
    text = _("{streams}, round {n} of {few} to {many}").format(
        streams=speed_words.streams(streams), n=round_, few=FEWEST_ROUNDS, many=MOST_ROUNDS
    )
    left = seconds_left(test.plan, test.levels, round_ - 1)
    if left is None:
        return f"{text} · {calls}"
    return f"{text} · {calls} · " + _("about {time} left").format(time=duration(left / 60))


def _stop(test_id: str) -> None:
    with kit.friendly_errors():
        kit.speed().stop(test_id)
