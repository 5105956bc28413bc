"""Answers as they grow: finished paragraphs once, only the tail again and again."""

import threading
import time
from collections.abc import Sequence

import streamlit as st

from lib.core.markdown import finished, presentable
from lib.web.texts import _
from lib.work.generation import Generation, stop

# Between two updates: more often is not seen, only paid. A long tail is sent less often, so that no
# answer costs more than this many characters a second; the last word still comes within the most.
REDRAW_S, MOST_REDRAW_S, CHARACTERS_PER_S = 0.1, 0.4, 12_000
TICK_S = 0.5  # of the seconds shown while nothing comes
FIRST_S = 1.0  # an answer's first moment, in which many ask at once and nobody wants to stop yet


class Live:
    """The place of one growing answer on the page.

    The answer belongs to the server; leaving the page or another click only ends the watching.
    """

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._done, self._slot = st.container(), st.empty()
        self._taken, self._tail, self._label = 0, "", ""

    @property
    def begun(self) -> bool:
        return self._taken > 0 or bool(self.generation.thoughts)

    @property
    def size(self) -> int:
        """Characters that the next update sends."""
        return len(self._tail)

    def draw(self) -> bool:
        """Show what is new; whether the answer is over."""
        over = self.generation.done  # before the text: what comes between is shown next time
        new = self.generation.texts[self._taken :]
        if new:
            self._taken += len(new)
            self._take("".join(new))
        elif not self._taken:
            self._show_waiting()
        return over

    def _take(self, text: str) -> None:
        self._tail += text
        if cut := finished(self._tail):
            self._done.markdown(presentable(self._tail[:cut]))
            self._tail = self._tail[cut:]
        if self._tail.strip():
            self._slot.markdown(presentable(self._tail))
        elif self._label:
            self._slot.empty()
        self._label = ""

    def _show_waiting(self) -> None:
        generation = self.generation
        if generation.began is None:
            label = _("Waiting for its turn on this machine")
            seconds = time.monotonic() - generation.started
        else:
            words = len(generation.thought.split())
            thinking = _("Thinking, {n} words").format(n=words)
            label = thinking if words else _("Waiting for the first token")
            seconds = time.monotonic() - generation.began
        label = f":shimmer[{label}] {seconds:.0f} s"
        if label != self._label:
            self._slot.markdown(label)
            self._label = label


def stop_button(lives: Sequence[Live]) -> None:
    st.button(
        _("Stop"), icon=":material/stop_circle:", key="chat_stop", on_click=stop,
        args=([live.generation for live in lives],),
    )  # fmt: skip


def follow(lives: Sequence[Live], most_s: float | None = None) -> None:
    """Watch until all of them are over, or for `most_s` seconds."""
    until = float("inf") if most_s is None else time.monotonic() + most_s
    changed = threading.Event()
    for live in lives:
        live.generation.listen(changed.set)
    try:
        while True:
            changed.clear()
            if all([live.draw() for live in lives]) or time.monotonic() > until:
                return
            if any(live.begun for live in lives):  # a first word is shown the moment it comes
                characters = sum(live.size for live in lives)
                time.sleep(min(MOST_REDRAW_S, max(REDRAW_S, characters / CHARACTERS_PER_S)))
            changed.wait(TICK_S)
    finally:
        for live in lives:
            live.generation.unlisten(changed.set)
