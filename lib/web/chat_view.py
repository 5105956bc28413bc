"""The conversation on the page: prompts, answers side by side, what they took, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from lib.core.chat import Media
from lib.core.markdown import presentable
from lib.store.conversations import Turn
from lib.web import chat_compose, chat_footer, chat_place, chat_settings, chat_state, kit
from lib.web.chat_live import Live
from lib.web.texts import _
from lib.work.generation import Generation

SHOWN_TURNS = 40

_EMPTY = {
    "length": _(
        "Nothing was said: the limit of tokens was used up before the first word, perhaps by "
        "thinking. Raise «Longest answer» in the settings."
    ),
    "refused": _("The provider's safety filter blocked this. Change the wording or the model."),
    "stop": _("The model answered with nothing."),
    "stopped": _("Stopped before the first word."),
    "incomplete": _("The answer broke off before its first word. Send the prompt again."),
}


@dataclass
class Round:
    """A prompt and its answers, one of each model that was asked."""

    prompt: Turn | None
    answers: list[Turn] = field(default_factory=list)


def rounds(turns: Sequence[Turn]) -> list[Round]:
    found: list[Round] = []
    for turn in turns:
        if turn.role == "user" or not found:
            found.append(Round(turn if turn.role == "user" else None))
        if turn.role == "assistant":
            found[-1].answers.append(turn)
    return found


def show(conversation: str, live: dict[int, Generation]) -> list[Live]:
    """Draw what is stored, and empty places for what is being written, which are returned."""
    before = chat_state.before()
    turns = kit.app().conversations.page(conversation, before, SHOWN_TURNS)
    last = turns[-1].position if turns else -1
    with chat_place.place(conversation, last, live):
        return _show(conversation, turns, before, live)


def _show(
    conversation: str, turns: list[Turn], before: int | None, live: dict[int, Generation]
) -> list[Live]:
    if turns and turns[0].position > 0:
        _step(_("Earlier messages"), ":material/expand_less:", turns[0].position)
    growing: list[Live] = []
    for one in rounds(turns):
        if one.prompt:
            _show_prompt(conversation, one.prompt)
        growing += _show_answers(conversation, one, live)
        if one.prompt and len(one.answers) > 1 and not live.keys() & _positions(one):
            _compare(conversation, one.prompt.position, one.answers)
    if before is not None:
        _step(_("Newest messages"), ":material/expand_more:", None)
    return growing


def _positions(one: Round) -> set[int]:
    return {answer.position for answer in one.answers}


def _step(label: str, icon: str, position: int | None) -> None:
    st.button(
        label, icon=icon, type="tertiary", key=f"chat_to_{position}",
        on_click=chat_state.look_back, args=(position,),
    )  # fmt: skip


def _show_prompt(conversation: str, turn: Turn) -> None:
    with st.chat_message("user"):
        for name in turn.media:
            _show_media(kit.app().conversations.media(name))
        with st.container(horizontal=True):
            st.text(turn.text, width="stretch")
            menu = st.popover(
                _("Change"), type="tertiary", on_change="rerun", key=f"chat_prompt_{turn.position}"
            )
        if menu.open:
            with menu:
                _prompt_menu(conversation, turn)


def _prompt_menu(conversation: str, turn: Turn) -> None:
    position = turn.position
    after = kit.app().conversations.count(conversation) - position - 1
    st.button(
        _("Edit and send again"), icon=":material/edit:", key=f"chat_edit_{position}",
        on_click=_edit, args=(conversation, turn),
    )  # fmt: skip
    st.button(
        _("Answer again with the models chosen above"), icon=":material/refresh:",
        key=f"chat_again_{position}", on_click=_again, args=(conversation, position),
    )  # fmt: skip
    st.button(
        _("Delete from here"), icon=":material/delete:", key=f"chat_cut_{position}",
        on_click=chat_state.act, args=(kit.chats().cut, conversation, position),
    )  # fmt: skip
    st.caption(_("Messages that follow, which each of them removes: {n}.").format(n=after))


def _edit(conversation: str, turn: Turn) -> None:
    """The prompt goes into the line one types into; the menu gets out of the way."""
    chat_compose.begin_edit(conversation, turn.position, turn.text)
    st.session_state[f"chat_prompt_{turn.position}"] = False


def _again(conversation: str, prompt: int) -> None:
    chat_state.act(
        lambda: kit.chats().again(
            conversation, prompt, chat_state.picked(), chat_settings.options()
        )
    )
    chat_state.look_back(None)  # the answers are the newest messages now


def _show_answers(conversation: str, one: Round, live: dict[int, Generation]) -> list[Live]:
    """Side by side when there are several; what still grows gets a place."""
    growing: list[Live] = []
    if not one.answers:
        return growing
    message = st.chat_message("assistant")
    with message:
        several = len(one.answers) > 1
        columns = st.columns(len(one.answers)) if several else [message]
        for column, turn in zip(columns, one.answers, strict=True):
            with column:
                if several:
                    st.markdown(f"**{kit.literal(turn.facts.get('model', ''))}**")
                if generation := live.get(turn.position):
                    growing.append(Live(generation))
                else:
                    _show_answer(conversation, turn)
    return growing


def _show_answer(conversation: str, turn: Turn) -> None:
    if turn.thought:
        with st.expander(_("Thinking"), icon=":material/psychology:"):
            st.markdown(presentable(turn.thought))
    if turn.text:
        st.markdown(presentable(turn.text))
    elif ending := _EMPTY.get(turn.facts.get("finish", "")):
        st.warning(ending, icon=":material/comments_disabled:")
    if error := turn.facts.get("error"):
        kit.show_problem(error["message"], error["hint"], error.get("retry_after_s"))
    if unsaved := turn.facts.get("unsaved"):
        st.warning(
            _("This answer is not stored yet; it will be as soon as it can be. {why}").format(
                why=kit.literal(unsaved["message"])
            ),
            icon=":material/cloud_off:",
        )
    if turn.facts.get("prompt_cut"):
        st.error(
            _("The server cut this prompt: it did not fit into the model's window."),
            icon=":material/content_cut:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(chat_footer.footer(turn.facts), width="stretch")
        more = st.popover(
            _("Details"), type="tertiary", on_change="rerun", key=f"chat_answer_{turn.position}"
        )
    if more.open:
        with more:
            st.markdown(chat_footer.details(turn.facts))
            st.button(
                _("Delete from here"), icon=":material/delete:", key=f"chat_cut_{turn.position}",
                on_click=chat_state.act, args=(kit.chats().cut, conversation, turn.position),
            )  # fmt: skip


def _compare(conversation: str, prompt: int, answers: list[Turn]) -> None:
    """One table for all, and which was better."""
    # Unlike one in Markdown, this table is never wider than a phone: it scrolls in itself.
    st.table(
        chat_footer.comparison([turn.facts for turn in answers]), hide_index=True,
        width="content", alt=_("What each model took for the same prompt"),
    )  # fmt: skip
    if any((turn.facts.get("queue_ms") or 0) > 0 for turn in answers):
        st.caption(_("Models of one machine took turns, so that neither slowed the other."))
    models = [str(turn.facts.get("model")) for turn in answers]
    key, tie = f"chat_mark_{conversation}_{prompt}_{answers[0].facts.get('asked')}", _("a tie")
    if key not in st.session_state:
        marks = kit.app().marks.of(conversation)
        st.session_state[key] = (marks[prompt] or tie) if prompt in marks else None
    st.segmented_control(
        _("Which was better?"), [*models, tie], key=key, on_change=_mark,
        args=(conversation, prompt, models, key),
    )  # fmt: skip


def _mark(conversation: str, prompt: int, models: list[str], key: str) -> None:
    chosen, marks = st.session_state.get(key), kit.app().marks
    if chosen is None:
        marks.clear(conversation, prompt)
    else:
        better = chosen if chosen in models else None
        chat_state.act(marks.put, conversation, prompt, models, better)


def _show_media(media: Media) -> None:
    if media.modality == "image":
        st.image(media.data, width=320, alt=_("attached picture"))
    elif media.modality == "audio":
        st.audio(media.data, format=media.mime)
    elif media.modality == "video":
        st.video(media.data, format=media.mime)
    else:
        st.markdown(_(":material/picture_as_pdf: PDF, {kb} kB").format(kb=len(media.data) // 1000))
