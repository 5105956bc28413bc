"""Clicks that change an Ollama; what could not be done is told in that host's card."""

from collections.abc import Callable

import streamlit as st

from lib.core.errors import AppError
from lib.web import kit

_REFUSED = "mod_refused"


def act(host: str, verb: Callable[..., object], *args: object) -> None:
    """A button's callback."""
    try:
        verb(*args)
    except AppError as error:
        st.session_state[_REFUSED] = host, error


def show_refused(host: str) -> None:
    """Why the last click on this host did nothing, once."""
    if st.session_state.get(_REFUSED, (None,))[0] == host:
        _host, error = st.session_state.pop(_REFUSED)
        kit.show_error(error)
