"""«Save as a plan»: an estimate that the usage page holds against what is really spent."""

from typing import Any

import streamlit as st

from lib.core.errors import AppError
from lib.store.named import NAME_CHARACTERS
from lib.web import kit
from lib.web.texts import _

_NAME, _PROBLEM, _KEPT = "plan_new", "plan_problem", "plan_kept"


def save(body: dict[str, Any]) -> None:
    """A button that asks for a name; a plan of the same name is replaced."""
    with st.popover(_("Save as a plan"), icon=":material/bookmark:"):
        st.caption(_("The usage page then shows how the month goes beside this estimate."))
        with st.form("plan_form", border=False):
            st.text_input(
                _("Name"), key=_NAME, max_chars=NAME_CHARACTERS, placeholder=_("e.g. this winter")
            )
            st.form_submit_button(
                _("Save"), icon=":material/save:", on_click=_save, args=(body,), key="plan_save"
            )
        if problem := st.session_state.pop(_PROBLEM, None):
            kit.show_error(problem)
        name, saved = st.session_state.get(_KEPT, ("", None))
        if saved == body:  # said as long as it is true
            st.success(_("«{name}» is saved.").format(name=kit.literal(name)))
            st.page_link("usage.py", label=_("Usage"), icon=":material/payments:")


def _save(body: dict[str, Any]) -> None:
    try:
        st.session_state[_KEPT] = kit.app().plans.save(st.session_state[_NAME], body), body
        st.session_state[_NAME] = ""
    except AppError as error:
        st.session_state[_PROBLEM] = error
