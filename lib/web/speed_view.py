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
          "at once. Use the result in the estimate.")
    )  # fmt: skip
    # Fragments: another number of streams is no reason to draw the servers and curves anew.
    tests = kit.app().speed_tests.all()
    ended = [test for test in tests if test.state != "running"]
    running = [test for test in tests if test.state == "running"]
    st.fragment(speed_form.ask)(models, bool(running))
    for test in running:
        speed_panel.show(test)
    shown = _shown(tests, ended)
    if tests:
        _kept(ended, shown)
    else:
        st.caption(_("Nothing was measured yet. Tests are kept here with their date and GPU."))


def comes_first() -> bool:
    """Whether this tab was opened by a link to a test: that is what somebody wants to see.

    It stays so: no click on the page may move what was clicked.
    """
    return bool(st.session_state.setdefault("speed_first", SHOWN in st.query_params))


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


def _kept(tests: Sequence[SpeedTest], shown: SpeedTest | None) -> None:
    """A line for each; the shown one is open in its place, where it was clicked."""
    if not tests:
        return
    st.markdown(f"**{_('Measured so far ({n})').format(n=number(len(tests)))}**")
    older = len(tests) - LISTED
    if older > 0 and not st.toggle(_("Show {n} older ones").format(n=older), key="speed_older"):
        opened = [shown] if shown and shown not in tests[:LISTED] else []
        listed = [*opened, *tests[:LISTED]]
    else:
        listed = list(tests)
    for test in listed:
        if test == shown:
            st.fragment(speed_result.show)(test, tests)
        else:
            _line(test)


def _line(test: SpeedTest) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        speed_words.badge(test)
        st.button(
            kit.literal(speed_words.subject(test)), key=f"speed_open_{test.id}",
            type="tertiary", icon=":material/expand_more:", icon_position="right",
            on_click=_open, args=(test.id,),
        )  # fmt: skip
        parts = [job_list.when(test.created), *speed_words.place(test)]
        st.caption(kit.literal(" · ".join([*parts, speed_words.sizes(test.plan)])))


def _open(test_id: str) -> None:
    st.query_params[SHOWN] = test_id
