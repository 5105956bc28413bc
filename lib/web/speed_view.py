"""The section «Speed» of the models page: measure, watch, look at the curve, keep, compare."""

from collections.abc import Sequence

import streamlit as st

from lib.store.speed_tests import SpeedTest
from lib.web import job_list, kit, speed_form, speed_panel, speed_result, speed_words
from lib.web.speed_words import SHOWN
from lib.web.texts import _, number

LISTED = 10


def show(models: Sequence[str]) -> None:
    """`models` are the ids of those that can be asked now."""
    st.caption(
        _("How fast a model reads and writes on its own machine, with one caller and with several "
          "at once. The estimate can be made with what comes out.")
    )  # fmt: skip
    # Fragments: another number of streams is no reason to draw the servers and curves anew.
    st.fragment(speed_form.ask)(models)
    tests = kit.app().speed_tests.all()
    ended = [test for test in tests if test.state != "running"]
    for test in tests:
        if test.state == "running":
            speed_panel.show(test)
    if shown := _shown(tests, ended):
        st.fragment(speed_result.show)(shown, ended)
    if tests:
        _kept(ended)
    else:
        st.caption(_("Nothing was measured yet. Every test is kept here with its date and GPU."))


def _shown(tests: Sequence[SpeedTest], ended: Sequence[SpeedTest]) -> SpeedTest | None:
    """The one the URL names, else the newest; None while that one runs."""
    asked = st.query_params.get(SHOWN)
    if asked is None:
        return ended[0] if ended else None
    if asked not in {test.id for test in tests}:
        kit.show_problem(
            _("There is no such speed test."), _("It may have been deleted; others are below.")
        )
    return next((test for test in ended if test.id == asked), None)


def _kept(tests: Sequence[SpeedTest]) -> None:
    if not tests:
        return
    st.markdown(f"**{_('Measured so far ({n})').format(n=number(len(tests)))}**")
    older = len(tests) - LISTED
    if older > 0 and not st.toggle(_("Show {n} older ones").format(n=older), key="speed_older"):
        tests = tests[:LISTED]
    for test in tests:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            speed_words.badge(test)
            st.button(
                kit.literal(speed_words.subject(test)), key=f"speed_open_{test.id}",
                type="tertiary", icon=":material/arrow_forward:", icon_position="right",
                on_click=_open, args=(test.id,),
            )  # fmt: skip
            st.caption(f"{job_list.when(test.created)} · {speed_words.sizes(test.plan)}")


def _open(test_id: str) -> None:
    st.query_params[SHOWN] = test_id
