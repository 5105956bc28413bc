"""The chat page's controls: model, conversation, settings, and sending a prompt."""

from typing import Any

import streamlit as st

from lib.core.chat import Media, ModelInfo, Request
from lib.core.errors import AppError
from lib.core.markdown import presentable
from lib.core.media import read_media, shrink
from lib.web import kit
from lib.web.texts import _, number, usd
from lib.work.ask import price_of

FILE_TYPES = ["image/*", "audio/*", "video/*", "application/pdf"]
_URL_FIELD = "chat"
_REFUSED = "chat_refused"


def current() -> str | None:
    """The conversation the URL names, if it exists: a reload comes back to it."""
    named = st.query_params.get(_URL_FIELD)
    return named if named and kit.app().conversations.exists(named) else None


def pick_conversation(conversation: str | None) -> None:
    with st.popover(_("Conversations"), icon=":material/history:"):
        recent = kit.app().conversations.recent()
        if not recent:
            st.caption(_("What you ask is kept here."))
        for name, title in recent:
            st.button(
                kit.literal(title), key=f"chat_open_{name}", type="tertiary",
                disabled=name == conversation, on_click=_open, args=(name,),
            )  # fmt: skip
    if conversation:
        st.button(_("New chat"), icon=":material/add:", key="chat_new", on_click=_open)


def _open(conversation: str | None = None) -> None:
    if conversation:
        st.query_params[_URL_FIELD] = conversation
    else:
        st.query_params.pop(_URL_FIELD, None)


def show_welcome(model: str | None) -> None:
    """What can be done here, by what the chosen model can do."""
    if model is None:
        return
    sees = "image" in kit.app().models.find(model).info.input
    begin = _("Ask anything, or attach a picture.") if sees else _("Ask anything.")
    st.info(
        begin
        + " "
        + _(
            "Under each answer you see how long the first token took, the speed, the tokens, and "
            "what the answer cost."
        ),
        icon=":material/waving_hand:",
    )


def restore_draft() -> None:
    """After a refusal: why, and the text again where it was written."""
    if refused := st.session_state.pop(_REFUSED, None):
        text, error = refused
        st.session_state["chat_input"] = text
        kit.show_error(error)


def send(conversation: str | None, model: str | None, said: Any, options: Request) -> None:
    """Store the prompt, start its answer, and show both; a refusal keeps the text."""
    try:
        choice = kit.app().models.find(model)
        media = read_files(said.files)
        name = kit.chats().say(conversation, choice, said.text, media, options)
        st.query_params[_URL_FIELD] = name
    except AppError as error:
        st.session_state[_REFUSED] = (said.text, error)
    st.rerun()


def pick_model() -> str | None:
    """The id of the chosen model, kept in the URL; None when nothing can be asked."""
    models = kit.app().models.all()
    on = {info.id: info for info in models if info.available}
    off = [info for info in models if not info.available]
    if not on:
        st.warning(_("No model can be asked yet."), icon=":material/power_off:")
        _list_off(off)
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(_("Model"), list(on), key="model", bind="query-params")
        if off:
            with st.popover(_("What is off"), icon=":material/power_off:"):
                _list_off(off)
    st.caption(_facts(on[chosen]))
    return chosen


_PROVIDERS = {"gemini": "Gemini API", "ollama": "Ollama", "vllm": "vLLM", "embedded": _("built in")}


def _facts(info: ModelInfo) -> str:
    """One line: what the model reads, how much fits, what it costs."""
    price, rent = price_of(kit.app(), info), kit.app().settings.gpu_usd_per_hour
    cost = _("price unknown: set GPU_USD_PER_HOUR")
    if price:
        cost = _("{input} in, {output} out per million tokens (checked {day})").format(
            input=usd(price.input_usd_per_mtok),
            output=usd(price.output_usd_per_mtok),
            day=price.source.checked.isoformat().replace("-", "\N{NON-BREAKING HYPHEN}"),
        )
    elif rent is not None and info.provider != "gemini":
        cost = _("{rent} an hour").format(rent=usd(rent))
    elif info.provider == "gemini":
        cost = _("price unknown")
    window = _("{tokens} tokens of context").format(tokens=number(info.context_tokens))
    reads = _("reads {kinds}").format(kinds=", ".join(info.input))
    return " · ".join((reads, window, cost)).replace("$", r"\$")


def _list_off(off: list[ModelInfo]) -> None:
    """Each reason once, with the models it keeps off."""
    reasons: dict[str, list[str]] = {}
    for info in off:
        reasons.setdefault(info.reason or "", []).append(info.provider)
    for reason, providers in reasons.items():
        st.markdown(f"**{_PROVIDERS[providers[0]]}**: {presentable(reason)}")


def settings() -> Request:
    """System prompt and limits as a request without messages."""
    mark = " ·" if st.session_state.get("chat_system") else ""
    with st.popover(_("Settings") + mark, icon=":material/tune:", key="chat_settings"):
        system = st.text_area(_("System prompt"), key="chat_system", persist_state="session")
        limit = st.number_input(
            _("Longest answer (tokens)"), 1, 65_536, 2048, 256, key="chat_max_tokens",
            persist_state="session",
        )  # fmt: skip
        warmth = st.slider(
            _("Temperature"), 0.0, 2.0, 0.7, 0.1, key="chat_temperature", persist_state="session",
            help=_("Not sent to models that no longer take it."),
        )  # fmt: skip
    return Request("", (), system=system, max_tokens=int(limit), temperature=float(warmth))


def read_files(files: list[Any]) -> tuple[Media, ...]:
    """Uploads by their content; pictures upright and scaled once, before they are kept."""
    found = [read_media(file.getvalue(), field=file.name[:80]) for file in files]
    return tuple(shrink(part) if part.modality == "image" else part for part in found)
