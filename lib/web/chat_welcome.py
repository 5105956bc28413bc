"""An empty chat: what can be done here, with prompts and pictures to begin with."""

import streamlit as st

from lib.core.chat import ModelInfo
from lib.core.options import to_fields
from lib.web import chat_compose, chat_place, chat_samples, chat_settings, chat_state
from lib.web.texts import _

_USE = "chat_use"


def show(models: list[ModelInfo]) -> None:
    """By what the chosen models can do."""
    if not models:
        return
    with chat_place.place():
        _show(models)


def _show(models: list[ModelInfo]) -> None:
    sees = any("image" in info.input for info in models)
    begin = _("Ask anything, or attach a picture.") if sees else _("Ask anything.")
    st.caption(
        f"{begin} " + _("Under each answer stand its first token, speed, tokens and what it cost.")
    )
    titles = {sample.key: sample.title for sample in chat_samples.USES}
    chosen = st.pills(
        _("Or begin with what people use small models for"), list(titles), key=_USE,
        format_func=titles.__getitem__, on_change=_use,
    )  # fmt: skip
    if chosen:
        _prompts(chosen)
    if sees:
        _pictures()


def _use() -> None:
    """The settings of a use; taking it back leaves them."""
    if key := st.session_state.get(_USE):
        chat_settings.put(to_fields(chat_samples.use(key).options))


def _prompts(key: str) -> None:
    use = chat_samples.use(key)
    st.caption(use.about + " " + _("Its settings are set; choose a prompt, change it, send it."))
    for index, prompt in enumerate(use.prompts):
        st.button(
            _shortened(prompt), key=f"chat_prompt_{key}_{index}", type="tertiary",
            icon=":material/arrow_right:", on_click=chat_state.write, args=(prompt,),
        )  # fmt: skip


def _shortened(prompt: str, most: int = 90) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _pictures() -> None:
    st.caption(_("Or ask about one of these pictures:"))
    with st.container(horizontal=True):
        for sample in chat_samples.PICTURES:
            with st.container(width=112):
                st.image(chat_samples.thumbnail(sample.key), width=112, alt=sample.alt)
                st.button(
                    sample.prompt, key=f"chat_picture_{sample.key}", type="tertiary",
                    wrap=True, on_click=_take, args=(sample.key, sample.prompt),
                )  # fmt: skip


def _take(key: str, prompt: str) -> None:
    chat_compose.attach(chat_samples.picture(key))
    chat_state.write(prompt)
