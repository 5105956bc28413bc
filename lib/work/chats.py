"""Conversations at work: what is said is stored at once, what is being answered can be found."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.core.chat import Finish, Media, Message, Request, Text, Thought, Usage
from lib.core.errors import AppError
from lib.providers.line import Line
from lib.store.conversations import Turn
from lib.work.app import App
from lib.work.ask import ask, fit
from lib.work.generation import Generation, Pieces
from lib.work.meter import Receipt
from lib.work.models import Choice

SAVE_EVERY_S = 2.0  # what a killed process may lose of a growing answer


class Chats:
    """The answers being written now, by conversation; one at a time in each."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._live: dict[str, Generation] = {}
        self._saying: dict[str, threading.Lock] = {}

    def live(self, conversation: str) -> Generation | None:
        """The answer being written there, if one is."""
        generation = self._live.get(conversation)
        return generation if generation and not generation.done else None

    def say(
        self,
        conversation: str | None,
        choice: Choice,
        text: str,
        media: tuple[Media, ...] = (),
        options: Request | None = None,
    ) -> str:
        """Store the prompt and start the answer; returns the conversation's id.

        `options` carries system prompt, limits and the like; its messages are replaced. Refuses,
        before anything is stored, what the model cannot read.
        """
        app = self._app
        said = Message("user", text, media)
        fit(choice.info, Request(choice.info.name, (said,)))
        conversation = conversation or app.conversations.start(text)
        # Two windows may speak in one conversation: the second must not take the first's place.
        with self._saying.setdefault(conversation, threading.Lock()):
            if before := self.live(conversation):
                before.stop()
                before.join(timeout_s=3)
            turns = app.conversations.turns(conversation)
            names = tuple(app.conversations.keep(part) for part in media)
            position = turns[-1].position + 1 if turns else 0
            app.conversations.put(conversation, Turn(position, "user", text, media=names))
            messages = (*self._history(turns, choice), said)
            base = options or Request(choice.info.name, ())
            request = replace(base, model=choice.info.name, messages=messages)
            self._answer(conversation, position + 1, choice, request)
        return conversation

    def close(self) -> None:
        """Stop every answer and wait until what was said is stored."""
        for generation in list(self._live.values()):
            generation.stop()
        for generation in list(self._live.values()):
            generation.join(timeout_s=3)

    def _history(self, turns: list[Turn], choice: Choice) -> Iterator[Message]:
        """Prompts and their answers; one without is left out, since roles must alternate."""
        for asked, answered in itertools.pairwise(turns):
            if (asked.role, answered.role) != ("user", "assistant") or not answered.text:
                continue
            prompt = self._message(asked, choice)
            if prompt.text or prompt.media:  # servers refuse an empty message
                yield prompt
                yield self._message(answered, choice)

    def _message(self, turn: Turn, choice: Choice) -> Message:
        """A stored turn for the model; what this model cannot read stays behind."""
        parts = (self._app.conversations.media(name) for name in turn.media)
        readable = tuple(part for part in parts if part.modality in choice.info.input)
        return Message(turn.role, turn.text, readable)

    def _answer(self, conversation: str, position: int, choice: Choice, request: Request) -> None:
        begun = Turn(
            position, "assistant", "",
            facts={"model": choice.info.id, "finish": Finish.INCOMPLETE.value},
        )  # fmt: skip
        self._app.conversations.put(conversation, begun)

        def work(line: Line) -> Pieces:
            return self._saved(conversation, begun, ask(self._app, choice, request, "chat", line))

        with self._lock:
            generation = Generation(work, self._app.settings.model_timeout_s)
            self._live[conversation] = generation
            ended = [name for name, one in self._live.items() if one.done]
            for name in ended:
                del self._live[name]

    def _saved(self, conversation: str, turn: Turn, pieces: Pieces) -> Pieces:
        """Pass the pieces on; the stored turn follows every few seconds, and at the end."""
        saved_at = time.monotonic()
        try:
            for piece in pieces:
                if isinstance(piece, Receipt):
                    turn = replace(turn, facts=facts(piece))
                else:
                    turn = _grown(turn, piece)
                yield piece
                if time.monotonic() - saved_at > SAVE_EVERY_S:
                    self._app.conversations.put(conversation, turn)
                    saved_at = time.monotonic()
        except AppError as error:
            problem = {
                "code": error.code, "message": str(error), "hint": error.hint,
                "retry_after_s": error.retry_after_s,
            }  # fmt: skip
            turn = replace(
                turn, facts={**turn.facts, "finish": Finish.ERROR.value, "error": problem}
            )
            raise
        finally:
            self._app.conversations.put(conversation, turn)


def _grown(turn: Turn, piece: Text | Thought) -> Turn:
    if isinstance(piece, Text):
        return replace(turn, text=turn.text + piece.text)
    return replace(turn, thought=turn.thought + piece.text)


def facts(receipt: Receipt) -> dict[str, Any]:
    """A receipt as it is stored and shown; money as text, since JSON has no decimals."""
    return {
        "model": receipt.model,
        "finish": receipt.finish.value,
        "usage": usage_facts(receipt.usage),
        "cost_usd": None if receipt.cost_usd is None else str(receipt.cost_usd),
        "timings": timings(receipt),
        "version": receipt.version,
        "load_ms": receipt.load_ms,
        "prompt_cut": receipt.prompt_cut,
    }


def usage_facts(usage: Usage) -> dict[str, int | None]:
    """Tokens under the names of the JSON API."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "thinking_tokens": usage.thinking_tokens,
        "cached_tokens": usage.cached_tokens,
        "total_tokens": usage.total_tokens,
    }


def timings(receipt: Receipt) -> dict[str, float | None]:
    return {
        "ttft_ms": receipt.ttft_ms,
        "total_ms": receipt.total_ms,
        "tokens_per_second": receipt.tokens_per_second,
    }
