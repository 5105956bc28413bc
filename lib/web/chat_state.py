"""What the chat page remembers: the conversation in the URL, and what a callback has to tell."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from lib.core.errors import AppError
from lib.web import chat_models, chat_settings, kit
from lib.work.models import Choice

URL_FIELD = "chat"
INPUT = "chat_input"
PROBLEM = "chat_problem"
_LOADED, _BEFORE = "chat_loaded", "chat_before"


def current() -> str | None:
    """The conversation the URL names, if it exists; its models and settings come back with it."""
    named = st.query_params.get(URL_FIELD)
    if not named or named == st.session_state.get(_LOADED):
        return named
    if not kit.app().conversations.exists(named):
        return None
    st.session_state[_LOADED] = named
    _restore(named)
    return named


def _restore(conversation: str) -> None:
    kept = kit.app().conversations.settings(conversation) or {}
    # The address wins when it was opened by it; out of the list, the conversation's own models do.
    if "model" not in st.query_params or st.query_params.get(URL_FIELD) != conversation:
        chat_models.choose(kept.get("models", []))
    chat_settings.put(kept.get("options", {}))


def go(conversation: str | None = None) -> None:
    """Open a conversation, or none: a new chat keeps the models and settings chosen."""
    if conversation is None:
        look_back(None)
        st.session_state.pop(_LOADED, None)
        st.query_params.pop(URL_FIELD, None)
        return
    _restore(conversation)
    stay(conversation)


def stay(conversation: str) -> None:
    """Show a conversation's end; its models and settings are the ones chosen now."""
    look_back(None)
    st.session_state[_LOADED] = conversation
    st.query_params[URL_FIELD] = conversation


def before() -> int | None:
    """The position the page looks back from; None: the newest messages."""
    found: int | None = st.session_state.get(_BEFORE)
    return found


def look_back(position: int | None) -> None:
    st.session_state[_BEFORE] = position


def write(prompt: str) -> None:
    """Put a prompt into the line one types into; for callbacks."""
    st.session_state[INPUT] = prompt


def picked() -> list[Choice]:
    """The models chosen in the picker."""
    return [kit.app().models.find(model) for model in chat_models.picked()]


def act(verb: Callable[..., Any], *args: Any) -> None:
    """Do it in a callback; one of our errors is kept and shown on the page."""
    try:
        verb(*args)
    except AppError as error:
        st.session_state[PROBLEM] = error


def show_problem() -> None:
    if error := st.session_state.pop(PROBLEM, None):
        kit.show_error(error)
