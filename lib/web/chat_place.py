"""Where the conversation, or the welcome in its stead, stands on the page."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.work.generation import Generation

_SEEN = "chat_seen"


def place(
    conversation: str | None = None, last: int = -1, live: Mapping[int, Generation] | None = None
) -> DeltaGenerator:
    """One of two places, in turns; `last` is the position of the last message that is drawn.

    What a run draws no more stays in the browser until the run ends, and a run that watches an
    answer ends with it: old messages would stand below the new answer. So an answer that begins
    before their end, or in place of something else, is drawn in the other place.
    """
    now = {generation.started for generation in (live or {}).values()}
    was, upto, watched, second = st.session_state.get(_SEEN, (None, -1, set(), False))
    if now - watched and (was != conversation or min(live or {}) <= upto):
        second = not second
    st.session_state[_SEEN] = (conversation, last, now, second)
    if second:
        st.empty()
        return st.container()
    found = st.container()
    st.empty()
    return found
