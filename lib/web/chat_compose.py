"""Writing a prompt: text, files, camera, microphone and addresses, checked before they are sent."""

from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from lib.core.chat import Media, ModelInfo
from lib.core.errors import AppError, BadInput
from lib.web import chat_settings, chat_state, chat_tools, kit, page_uploads
from lib.web.chat_state import INPUT
from lib.web.texts import _, number
from lib.work.fetch import fetch_picture
from lib.work.pictures import read_media, shrink

FILE_TYPES = ["image/*", "audio/*", "video/*", "application/pdf"]
MOST_FILES = 16
THUMBNAIL = 480
_TRAY, _EDITING, _HELD, _SHOT = "chat_tray", "chat_editing", "chat_held", "chat_shot"
_URL, _EDITED_IN = "chat_url", "chat_edited_in"


def box(conversation: str | None, models: list[ModelInfo], writing: bool) -> None:
    """Everything below the conversation, down to the line one types into."""
    with st.container():  # one place, which Stop takes while an answer is written
        chat_state.show_problem()
        _show_editing(conversation)
        _show_held(conversation)
        _show_tray()
    # The root, although this runs in a fragment: only an input that Streamlit itself puts at the
    # bottom makes the browser follow a growing answer (a browser test fails if that changes).
    with st._main:
        st.chat_input(
            _("Stop the answer to ask the next") if writing else _("Ask anything"),
            key=INPUT,
            accept_file="multiple",
            accept_audio=True,
            file_type=FILE_TYPES,
            disabled=not models or writing,
            on_submit=_submit,
            args=(conversation,),
        )


def add_panel(models: list[ModelInfo]) -> None:
    """Pictures from the camera or an address; files and sound go in beside the text."""
    if not any("image" in info.input for info in models):
        return
    add = st.popover(_("Picture"), icon=":material/add_a_photo:", key="chat_add", on_change="rerun")
    if not add.open:
        return
    with add:
        st.text_input(_("From an address"), key=_URL, placeholder="https://…")
        st.button(_("Fetch"), icon=":material/download:", key="chat_fetch", on_click=_fetch)
        if _is_secure():
            shot = st.session_state.setdefault(_SHOT, 0)
            st.camera_input(_("From the camera"), key=f"{_SHOT}_{shot}", on_change=_take_shot)
        else:
            st.caption(
                _("The browser gives camera and microphone only to https or localhost pages.")
            )
        st.caption(_("Files are dropped, pasted or chosen in the line you type into."))


def _is_secure() -> bool:
    address = urlsplit(st.context.url or "")
    return address.scheme == "https" or address.hostname in ("localhost", "127.0.0.1", "::1")


def _fetch() -> None:
    if address := st.session_state.get(_URL, "").strip():
        chat_state.act(_attach_from, address)


def _attach_from(address: str) -> None:
    attach(fetch_picture(address))
    st.session_state[_URL] = ""


def _take_shot() -> None:
    shot = st.session_state[_SHOT]
    if picture := st.session_state.get(f"{_SHOT}_{shot}"):
        chat_state.act(lambda: attach(read_media(picture.getvalue(), "camera")))
        page_uploads.release(picture)
        st.session_state[_SHOT] = shot + 1  # an empty camera again


def _tray() -> list[Media]:
    found: list[Media] = st.session_state.setdefault(_TRAY, [])
    return found


def attach(*media: Media) -> None:
    """Put files onto the tray of the next prompt; pictures are scaled once, here."""
    if len(_tray()) + len(media) > MOST_FILES:
        raise BadInput(f"files: {MOST_FILES} at most go with a prompt.", "Send fewer at once.")
    scaled = [shrink(part) if part.modality == "image" else part for part in media]
    st.session_state[_TRAY] = [*_tray(), *scaled]


def _show_tray() -> None:
    """What goes with the next prompt, each with a way out."""
    if not (tray := _tray()):
        return
    with st.container(horizontal=True):
        for index, part in enumerate(tray):
            with st.container(width=130):
                if part.modality == "image":
                    small = shrink(part, THUMBNAIL)
                    st.image(small.data, width=110, alt=_("picture for the next prompt"))
                else:
                    st.caption(f"{part.mime}, {number(len(part.data) / 1000)} kB")
                st.button(
                    _("Remove"), key=f"chat_untray_{index}", type="tertiary",
                    icon=":material/close:", on_click=_take_off, args=(part,),
                )  # fmt: skip


def _take_off(part: Media) -> None:
    if part in _tray():
        _tray().remove(part)


def begin_edit(conversation: str, position: int, text: str) -> None:
    """What is sent next takes the place of the prompt there; for callbacks."""
    st.session_state[_EDITING], st.session_state[_EDITED_IN] = position, conversation
    st.session_state[INPUT] = text


def _show_editing(conversation: str | None) -> None:
    if st.session_state.get(_EDITING) is None:
        return
    if st.session_state.get(_EDITED_IN) != conversation:
        _stop_editing()  # else it would replace a prompt of another conversation
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            _("You edit an earlier prompt: sending it replaces it and what follows."),
            icon=":material/edit:",
        )
        st.button(_("Leave it as it was"), key="chat_unedit", on_click=_stop_editing)


def _stop_editing() -> None:
    st.session_state[_EDITING] = None
    st.session_state[INPUT] = ""


def _show_held(conversation: str | None) -> None:
    """A prompt that would not fit waits for a decision."""
    if held := st.session_state.pop(_HELD, None):
        text, why = held
        st.warning(why, icon=":material/data_alert:")
        st.button(
            _("Send it unchanged all the same"), key="chat_anyway", on_click=_send_anyway,
            args=(conversation, text),
        )  # fmt: skip


def _send_anyway(conversation: str | None, text: str) -> None:
    st.session_state[INPUT] = ""  # where it was given back to
    _send(conversation, text, anyway=True)


def _submit(conversation: str | None) -> None:
    said, problems = st.session_state[INPUT], []
    for field, data in _uploads(said):
        try:
            attach(read_media(data, field))
        except AppError as error:  # the others are kept
            problems.append(error)
    if problems:
        _give_back(said.text, problems[0])
    else:
        _send(conversation, said.text)


def _uploads(said: Any) -> list[tuple[str, bytes]]:
    """(name, content) of what came with the text, which Streamlit then need not keep."""
    found = [(file.name[:80], file.getvalue()) for file in said.files]
    sound = [said.audio] if said.audio else []
    page_uploads.release(*said.files, *sound)
    return found + [("sound", file.getvalue()) for file in sound]


def _send(conversation: str | None, text: str, anyway: bool = False) -> None:
    """Start the answers; a refusal gives text and files back."""
    media, editing = tuple(_tray()), st.session_state.get(_EDITING)
    try:
        options, choices = chat_settings.options(), chat_state.picked()
        if not anyway:
            why = chat_tools.overflow(conversation, choices, text, media, options, editing)
            if why:
                st.session_state[_HELD] = (text, why)
                _give_back(text)
                return
        if conversation and editing is not None:
            kit.chats().edit(conversation, editing, choices, text, options, media or None)
            chat_state.look_back(None)
        else:
            chat_state.stay(kit.chats().say(conversation, choices, text, media, options))
    except AppError as error:
        _give_back(text, error)
        return
    st.session_state[_TRAY], st.session_state[_EDITING] = [], None


def _give_back(text: str, error: AppError | None = None) -> None:
    st.session_state[INPUT] = text
    if error:
        st.session_state[chat_state.PROBLEM] = error
