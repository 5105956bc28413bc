"""Chat with one model or four; every answer says how long it took and what it cost."""

import streamlit as st

from lib.web import (
    budget_note,
    chat_compose,
    chat_list,
    chat_live,
    chat_models,
    chat_settings,
    chat_state,
    chat_tools,
    chat_view,
    chat_welcome,
    kit,
)
from lib.web.texts import _

conversation = chat_state.current()
st.title(_("Chat"))
models = chat_models.pick_models()
with st.container(horizontal=True):
    chat_list.panel(conversation)
    chat_settings.panel(models)
    chat_compose.add_panel(models)
    chat_tools.panels(conversation)
budget_note.show()


def talk(watch_s: float | None = None) -> None:
    """The conversation and the line to type into; watches what is being written for so long."""
    conversation = chat_state.current()
    live = kit.chats().live(conversation) if conversation else {}
    growing: list[chat_live.Live] = []
    if conversation:
        growing = chat_view.show(conversation, live)
    else:
        chat_welcome.show(models)
    with st.bottom:
        if growing:
            chat_live.stop_button(growing)
        chat_compose.box(conversation, models, writing=bool(growing))
    if growing:
        chat_live.follow(growing, watch_s)
        st.rerun()


# A prompt draws a fragment: half the work before its first token. But no click in a fragment can
# interrupt a run, Stop least of all, so after a moment the whole page takes over.
if conversation and kit.chats().live(conversation):
    with st.container():
        talk()
else:
    st.fragment(talk)(chat_live.FIRST_S)
