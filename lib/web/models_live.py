"""Keeps the page true while it is open: it is drawn anew when something changed, and only then."""

import streamlit as st

from lib.core.errors import AppError
from lib.web import kit
from lib.web.classify_trial import duration
from lib.web.models_look import Look, Lookout
from lib.web.texts import _

FRESH_S = 5.0  # a look this young is not repeated when somebody opens the page
EVERY_S = 30.0  # how often an open page asks
QUICK_S = 0.4  # most servers answer within this, and the page then needs no second drawing
SLOWEST_S = 4.0  # what the slowest may take to be called silent, and a little more
SOON_S, SELDOM_S = 0.5, 5.0


def look() -> Look | None:
    """What is known now; None while the first answers are under way."""
    lookout = kit.lookout()
    last = lookout.last
    if last is None or lookout.age_s(last) > EVERY_S:
        lookout.look_again(QUICK_S)
    elif lookout.age_s(last) > FRESH_S:
        lookout.look_again()
    return lookout.last


def line(look: Look | None) -> None:
    """How old the answers are, and the button that asks again."""
    soon = look is None or any(deed.under_way for deed in kit.deeds().all().values())
    st.fragment(_line, run_every=SOON_S if soon else SELDOM_S)(content(look))


def content(look: Look | None) -> object:
    """What the page shows and others may change."""
    pulls = [(pull.host, pull.model, pull.state) for pull in kit.pulls().all()]
    return look and look.content, pulls, kit.deeds().all(), _measuring()


def _measuring() -> list[str] | None:
    """The speed tests that run; None: the database does not say."""
    try:
        return kit.app().speed_tests.running()
    except AppError:
        return None


def _line(drawn: object) -> None:
    lookout = kit.lookout()
    last = lookout.last
    if content(last) != drawn:
        st.rerun()
    if last is None or lookout.age_s(last) > EVERY_S:
        lookout.look_again()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_told(lookout, last), width="content")
        st.button(
            _("Ask again"), icon=":material/refresh:", key="mod_ask", type="tertiary",
            on_click=lookout.look_again, args=(SLOWEST_S,),
        )  # fmt: skip


def _told(lookout: Lookout, last: Look | None) -> str:
    if last is None:
        return _("Asking every server; a silent one takes three seconds.")
    return _("Checked {time} ago.").format(time=duration(lookout.age_s(last) / 60))
