"""Conversations: new, find, open, rename, pin, save as a file, read back, delete."""

import streamlit as st

from lib.store.conversations import Entry
from lib.web import chat_state, kit
from lib.web.texts import _
from lib.work import transcript

_SEARCH, _FILE, _TITLE = "chat_search", "chat_import", "chat_title"
SHOWN = 30


def panel(conversation: str | None) -> None:
    """The button and, when open, the list; beside it a new chat."""
    found = st.popover(_("Chats"), icon=":material/history:", key="chat_list", on_change="rerun")
    if found.open:
        with found:
            if conversation:
                _this_one(conversation)
            _list(conversation)
            _import()
    if conversation:
        st.button(_("New chat"), icon=":material/add:", key="chat_new", on_click=chat_state.go)


def _this_one(conversation: str) -> None:
    """What can be done with the open conversation."""
    store = kit.app().conversations
    key = f"{_TITLE}_{conversation}"
    st.session_state.setdefault(key, store.title(conversation))
    st.text_input(_("Title"), key=key, max_chars=120, on_change=_rename, args=(conversation, key))
    pinned = store.pinned(conversation)
    with st.container(horizontal=True):
        st.button(
            _("Unpin") if pinned else _("Pin"), icon=":material/keep:", key="chat_pin",
            on_click=store.pin, args=(conversation, not pinned),
        )  # fmt: skip
        app = kit.app()
        st.download_button(
            _("Markdown"), lambda: transcript.to_markdown(app, conversation),
            f"chat-{conversation[:8]}.md", "text/markdown", icon=":material/download:",
            key="chat_markdown", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            _("JSON"), lambda: transcript.to_json(app, conversation),
            f"chat-{conversation[:8]}.json", "application/json", icon=":material/download:",
            key="chat_json", on_click="ignore",
        )  # fmt: skip
        st.button(
            _("Delete"), icon=":material/delete:", key="chat_delete", on_click=_delete,
            args=(conversation,),
        )  # fmt: skip
    st.divider()


def _rename(conversation: str, key: str) -> None:
    chat_state.act(kit.app().conversations.rename, conversation, st.session_state[key])
    st.session_state.pop(key, None)


def _delete(conversation: str) -> None:
    kit.chats().delete(conversation)
    chat_state.go()


def _list(conversation: str | None) -> None:
    words = st.text_input(
        _("Search"), key=_SEARCH, placeholder=_("words of a title or a message"),
        icon=":material/search:", label_visibility="collapsed",
    )  # fmt: skip
    found = kit.app().conversations.recent(words, SHOWN)
    if not found:
        st.caption(_("Nothing found.") if words else _("What you ask is kept here."))
    for entry in found:
        st.button(
            kit.literal(entry.title), key=f"chat_open_{entry.id}", type="tertiary",
            icon=":material/keep:" if entry.pinned else None,
            disabled=entry.id == conversation, on_click=chat_state.go, args=(entry.id,),
            help=_("last written {when}").format(when=_when(entry)),
        )  # fmt: skip
    if len(found) == SHOWN:
        st.caption(_("These are the newest {n}; search finds the others.").format(n=SHOWN))


def _when(entry: Entry) -> str:
    return entry.updated[:16].replace("T", " ") + " UTC"


def _import() -> None:
    st.file_uploader(
        _("Read back a saved conversation (JSON)"), type="json", key=_FILE, on_change=_read_back
    )


def _read_back() -> None:
    if file := st.session_state.get(_FILE):
        chat_state.act(lambda: chat_state.go(transcript.read(kit.app(), file.getvalue())))
