"""Chat with any model; every answer says how long it took and what it cost."""

import streamlit as st

from lib.web import chat_controls, chat_view, kit
from lib.web.texts import _

app, chats = kit.app(), kit.chats()
conversation = chat_controls.current()

st.title(_("Chat"))
model = chat_controls.pick_model()
with st.container(horizontal=True):
    chat_controls.pick_conversation(conversation)
    options = chat_controls.settings()

live = chats.live(conversation) if conversation else None
turns = app.conversations.turns(conversation) if conversation else []  # after live: it may end now
if not turns:
    chat_controls.show_welcome(model)
chat_view.show(turns[:-1] if live else turns)

chat_controls.restore_draft()
said = st.chat_input(
    _("Stop the answer to ask the next") if live else _("Ask anything"),
    key="chat_input",
    accept_file="multiple",
    file_type=chat_controls.FILE_TYPES,
    disabled=model is None or live is not None,
)
if said:
    chat_controls.send(conversation, model, said, options)

if live:
    with st.chat_message("assistant"):
        chat_view.follow(live)
    st.rerun()
