"""The chat page's answers: stored turns, their footers, and an answer as it grows."""

import time
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.chat import Media
from lib.core.markdown import finished, presentable
from lib.store.conversations import Turn
from lib.web import kit
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd
from lib.work.generation import Generation

REDRAW_S = 0.08  # between two updates of a growing answer; more is not seen, only paid
SHOWN_TURNS = 50
WORTH_TELLING_MS = 250

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
_FINISH = {
    "length": _("cut at the token limit"),
    "refused": _("blocked by the provider's safety filter"),
    "stopped": _("stopped"),
    "error": _("failed"),
    "incomplete": _("broke off before its end"),
}


def show(turns: list[Turn]) -> None:
    """The conversation; a long one from its end, older turns on request."""
    hidden = len(turns) - SHOWN_TURNS
    if hidden > 0 and not st.toggle(_("Show {n} earlier messages").format(n=hidden)):
        turns = turns[hidden:]
    for turn in turns:
        with st.chat_message(turn.role):
            _show_turn(turn)


def _show_turn(turn: Turn) -> None:
    for name in turn.media:
        _show_media(kit.app().conversations.media(name))
    if turn.role == "user":
        st.text(turn.text)
        return
    _show_thought(turn.thought)
    if turn.text:
        st.markdown(presentable(turn.text))
    elif ending := _EMPTY.get(turn.facts.get("finish", "")):
        st.warning(ending, icon=":material/comments_disabled:")
    if error := turn.facts.get("error"):
        kit.show_problem(error["message"], error["hint"], error.get("retry_after_s"))
    if turn.facts.get("prompt_cut"):
        st.error(
            _("The server cut this prompt: it did not fit into the model's window."),
            icon=":material/content_cut:",
        )
    st.caption(footer(turn.facts))


def _show_media(media: Media) -> None:
    if media.modality == "image":
        st.image(media.data, width=320, alt=_("attached picture"))
    elif media.modality == "audio":
        st.audio(media.data, format=media.mime)
    elif media.modality == "video":
        st.video(media.data, format=media.mime)
    else:
        st.markdown(_(":material/picture_as_pdf: PDF, {kb} kB").format(kb=len(media.data) // 1000))


def _show_thought(thought: str) -> None:
    if thought:
        with st.expander(_("Thinking"), icon=":material/psychology:"):
            st.markdown(presentable(thought))


def footer(facts: dict[str, Any]) -> str:
    """«gemini/… · first token 412 ms · 38.2 tok/s · 35 tokens in · 20 out · $0.000041»."""
    if facts.get("error"):
        return f"{facts.get('model', UNKNOWN)} · {_FINISH['error']}"
    timings, usage = facts.get("timings", {}), facts.get("usage", {})
    cost = facts.get("cost_usd")
    parts = [
        facts.get("model", UNKNOWN),
        _("first token {time}").format(time=milliseconds(timings.get("ttft_ms"))) + _load(facts),
        _("{speed} tok/s").format(speed=number(timings.get("tokens_per_second"), 1)),
        _("{input} tokens in").format(input=number(usage.get("input_tokens")))
        + _part(_("cached"), usage.get("cached_tokens")),
        _("{output} out").format(output=number(usage.get("output_tokens")))
        + _part(_("thinking"), usage.get("thinking_tokens")),
        usd(Decimal(cost)) if cost is not None else _("cost {unknown}").format(unknown=UNKNOWN),
    ]
    if ending := _FINISH.get(facts.get("finish", "")):
        parts.append(ending)
    return " · ".join(parts).replace("$", r"\$")


def _load(facts: dict[str, Any]) -> str:
    """How much of the wait was the model's loading, when it was worth a word."""
    load_ms = facts.get("load_ms")
    if load_ms is None or load_ms < WORTH_TELLING_MS:
        return ""
    return " " + _("({time} of it loading the model)").format(time=milliseconds(load_ms))


def _part(name: str, tokens: int | None) -> str:
    return f" ({number(tokens)} {name})" if tokens else ""


def follow(generation: Generation) -> None:
    """Show an answer as it grows: finished paragraphs once, only the tail again and again.

    The answer belongs to the server; leaving the page or another click only ends the watching.
    """
    waiting, done, tail = st.empty(), st.container(), st.empty()
    st.button(_("Stop"), icon=":material/stop_circle:", key="chat_stop", on_click=generation.stop)
    shown = seen = 0
    while True:
        text, over = generation.text, generation.done
        cut = finished(text[shown:])
        if cut:
            done.markdown(presentable(text[shown : shown + cut]))
            shown += cut
        if text[shown:].strip():
            tail.markdown(presentable(text[shown:]))
        if text:
            waiting.empty()
        else:
            _show_waiting(waiting, generation, time.monotonic() - generation.started)
        if over:
            return
        time.sleep(REDRAW_S)
        seen = generation.wait(seen, 0.5)


def _show_waiting(slot: Any, generation: Generation, seconds: float) -> None:
    words = len(generation.thought.split())
    label = _("Thinking, {n} words").format(n=words) if words else _("Waiting for the first token")
    slot.markdown(f":shimmer[{label}] {seconds:.0f} s")
