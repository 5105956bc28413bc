"""Before sending: how many tokens a prompt has and what it costs; and the request as code."""

from collections.abc import Sequence

import streamlit as st

from lib.core.chat import Media, Message, Request
from lib.core.errors import AppError, Unsupported
from lib.core.snippets import files, snippets
from lib.core.tokens import about
from lib.web import chat_footer, chat_settings, chat_state, kit
from lib.web.texts import UNKNOWN, _, number, usd
from lib.work.draft import draft, last_prompt, window_of
from lib.work.models import Choice
from lib.work.weigh import Weight, weigh

_DRAFT = "chat_draft"
LOOK_CLOSER = 0.6  # of the window: from here on a guess is not enough
_EXAMPLE = _("Name three uses of a small language model.")


def overflow(
    conversation: str | None,
    choices: Sequence[Choice],
    text: str,
    media: tuple[Media, ...],
    options: Request,
    prompt: int | None = None,
) -> str | None:
    """Why this would not fit into a model's window with its answer; None when it does."""
    for choice in choices:
        said = Message("user", text, media)
        try:
            request = draft(kit.app(), conversation, choice, said, options, prompt)
        except Unsupported:
            continue  # the sending refuses it, and names models that can read it
        guess, window = about(request, choice.info.provider), choice.info.context_tokens
        if guess is None or window is None or guess + request.max_tokens < LOOK_CLOSER * window:
            continue
        weight = weigh(kit.app(), choice, request)
        if weight.overflows:
            return _(
                "{model} has room for {room} tokens; this prompt with all before it has {about}"
                "{tokens}, and the answer may take {answer}. Shorten it, start a new chat, or "
                "lower «Longest answer»; else the beginning may be cut, or the model refuses."
            ).format(
                model=choice.info.id,
                room=number(weight.context_tokens),
                about="" if weight.exact else _("about "),
                tokens=number(weight.tokens),
                answer=number(request.max_tokens),
            )
    return None


def panels(conversation: str | None) -> None:
    """Both buttons, when there is a model; settings that are wrong are told beside them."""
    try:
        choices, options = chat_state.picked(), chat_settings.options()
    except AppError:
        return
    if choices:
        _count_panel(conversation, choices, options)
        _code_button(conversation, choices, options)


def _count_panel(conversation: str | None, choices: Sequence[Choice], options: Request) -> None:
    """A prompt weighed before it is sent: tokens, window and price for each model chosen."""
    count = st.popover(
        _("Tokens"), icon=":material/calculate:", key="chat_count", on_change="rerun"
    )
    if not count.open:
        return
    with count:
        text = st.text_area(_("Prompt to count"), key=_DRAFT, persist_state="session")
        said = Message("user", text, tuple(st.session_state.get("chat_tray", [])))
        with kit.friendly_errors():
            weights = [
                weigh(kit.app(), choice, draft(kit.app(), conversation, choice, said, options))
                for choice in choices
            ]
            st.markdown(_weights(weights))
        st.caption(
            _(
                "Counted with everything before it in this conversation and what is attached. "
                "«About» is our estimate where the model's server does not count."
            )
        )
        st.button(
            _("Put it into the box"), key="chat_use_draft", on_click=_use_draft,
            icon=":material/south:",
        )  # fmt: skip


def _use_draft() -> None:
    st.session_state[chat_state.INPUT] = st.session_state.get(_DRAFT, "")


def _weights(weights: Sequence[Weight]) -> str:
    head = (_("Model"), _("tokens"), _("of its window"), _("prompt"), _("answer at most"))
    rows = [
        (
            kit.literal(one.model),
            ("" if one.exact else _("about ")) + number(one.tokens),
            UNKNOWN if one.share is None else f"{one.share:.1%}",
            usd(one.input_usd),
            usd(one.output_usd_at_most),
        )
        for one in weights
    ]
    return chat_footer.table(head, rows)


def _code_button(conversation: str | None, choices: Sequence[Choice], options: Request) -> None:
    if st.button(_("Get code"), icon=":material/code:", key="chat_code"):
        _code(conversation, choices, options)


@st.dialog(_("This request as code"), width="large")
def _code(conversation: str | None, choices: Sequence[Choice], options: Request) -> None:
    """The conversation's last prompt as it is asked now; an example when there is none."""
    st.caption(_("Put your key in the place of YOUR_…; the settings chosen are in it."))
    found = last_prompt(kit.app(), conversation) if conversation else None
    position, said = found or (None, Message("user", _EXAMPLE))
    sources: dict[str, str] = {}
    names: dict[str, Media] = {}
    for choice in choices:
        with kit.friendly_errors():  # one that cannot read the picture leaves the others
            request = draft(kit.app(), conversation, choice, said, options, position)
            names |= files(request)
            for language, source in _sources(choice, request).items():
                title = language if len(choices) == 1 else f"{choice.info.name} · {language}"
                sources[title] = source
    tabs = st.tabs(list(sources)) if sources else []
    for tab, (title, source) in zip(tabs, sources.items(), strict=True):
        tab.code(source, "bash" if title.endswith("curl") else "python", wrap_lines=True)
    for name, part in names.items():
        st.download_button(
            _("{file}, which the code reads").format(file=name), part.data, name, part.mime,
            key=f"chat_code_{name}", on_click="ignore",
        )  # fmt: skip


def _sources(choice: Choice, request: Request) -> dict[str, str]:
    return snippets(choice.info.provider, request, num_ctx=window_of(choice, request))
