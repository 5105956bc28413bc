"""Conversations at work: what is said is stored at once, what is being answered can be found."""

import threading
import time
from collections.abc import Iterable, Sequence

from lib.core.chat import Media, Message, Request
from lib.core.errors import AppError, BadInput
from lib.store.conversations import MOST_ANSWERS, Turn
from lib.work.answer import SAVE_EVERY_S, Answer, facts, timings, usage_facts
from lib.work.app import App
from lib.work.ask import check_reads
from lib.work.generation import Generation, Room, stop
from lib.work.history import Round, begun, stored
from lib.work.lanes import queue
from lib.work.models import Choice

__all__ = ["SAVE_EVERY_S", "Chats", "facts", "timings", "usage_facts"]

STOP_S = 3.0  # how long answers that were stopped may take to store their last words


class Chats:
    """The answers being written now, by conversation; one round of 1 to 4 models at a time in each.

    The answers to the prompt at position p stand at p+1 … p+k, in the order of the models. What is
    wrong (BadInput), what one of them cannot read (Unsupported), or what is too much now (Busy) is
    refused before anything is stored, stopped or removed. `options` are system prompt, limits and
    the like, no messages.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._live: dict[str, dict[int, Answer]] = {}  # by position; a round is never changed
        self._changing: dict[str, threading.Lock] = {}

    def live(self, conversation: str) -> dict[int, Generation]:
        """The answers being written there, or waiting for their turn, by position."""
        answers = self._live.get(conversation, {})
        return {at: one.generation for at, one in answers.items() if not one.generation.done}

    def say(
        self,
        conversation: str | None,
        choices: Sequence[Choice],
        text: str,
        media: Sequence[Media] = (),
        options: Request | None = None,
    ) -> str:
        """Store the prompt and start its answers; returns the conversation's id (None: a new one).

        Answers that are still being written there are stopped and keep their words.
        """
        said, store = Message("user", text, tuple(media)), self._app.conversations
        with self._checked(choices, said) as room:
            conversation = conversation or store.start(text)
            # Two windows may speak in one conversation: the second must not take the first's place.
            with self._alone(conversation):
                self._stop(conversation, 0)
                turns = store.turns(conversation)
                prompt = stored(turns[-1].position + 1 if turns else 0, said)
                options = options or Request("", ())
                asked = Round(conversation, turns, prompt, said, choices, options)
                first = begun(self._app, asked)
                written = [prompt, *(turn for turn, _ in first)]
                store.add(conversation, written, said.media, asked.settings)
                self._begin(asked, first, room)
        return conversation

    def again(
        self,
        conversation: str,
        prompt: int,
        choices: Sequence[Choice],
        options: Request | None = None,
    ) -> None:
        """Answer the prompt at that position anew, in place of all that stands behind it."""
        self._instead(conversation, prompt, choices, options)

    def edit(
        self,
        conversation: str,
        prompt: int,
        choices: Sequence[Choice],
        text: str,
        options: Request | None = None,
        media: tuple[Media, ...] | None = None,
    ) -> None:
        """Say something else at that position, in place of all that stands there and behind it.

        `media` None: the prompt's files stay.
        """
        self._instead(conversation, prompt, choices, options, text, media)

    def stop(self, conversation: str) -> None:
        """Stop all its answers, without waiting for their end; queued ones are never asked."""
        stop(self.live(conversation).values())

    def cut(self, conversation: str, position: int) -> None:
        """Remove all from a position on; what is being written there ends first."""
        with self._alone(conversation):
            self._drop(conversation, position)
            self._app.conversations.cut(conversation, position)

    def delete(self, conversation: str) -> None:
        """Remove a conversation; what is being written there ends first."""
        with self._alone(conversation):
            self._drop(conversation, 0)
            self._app.conversations.delete(conversation)

    def close(self) -> None:
        """Stop every answer and wait until what was said is stored."""
        _end([one for answers in list(self._live.values()) for one in answers.values()])

    def _alone(self, conversation: str) -> threading.Lock:
        return self._changing.setdefault(conversation, threading.Lock())

    def _instead(
        self,
        conversation: str,
        position: int,
        choices: Sequence[Choice],
        options: Request | None,
        text: str | None = None,
        media: tuple[Media, ...] | None = None,
    ) -> None:
        store = self._app.conversations
        with self._alone(conversation):
            old = store.turn(conversation, position)
            if old is None or old.role != "user":
                raise BadInput("prompt: there is none at this position.")
            files = tuple(map(store.media, old.media)) if media is None else media
            said = Message("user", old.text if text is None else text, files)
            options = options or Request("", ())
            with self._checked(choices, said) as room:
                self._drop(conversation, position)
                prompt, turns = stored(position, said), store.turns(conversation)
                before = [turn for turn in turns if turn.position < position]
                asked = Round(conversation, before, prompt, said, choices, options)
                first = begun(self._app, asked)
                written = [prompt, *(turn for turn, _ in first)]
                store.replace(conversation, position, written, files, asked.settings)
                self._begin(asked, first, room)

    def _checked(self, choices: Sequence[Choice], said: Message) -> Room:
        """The room for these answers, if they may be asked."""
        models = {choice.info.id for choice in choices}
        if not 1 <= len(choices) <= MOST_ANSWERS or len(models) < len(choices):
            raise BadInput(f"model: 1 to {MOST_ANSWERS} models are wanted, each of them once.")
        if not said.text.strip() and not said.media:
            raise BadInput("prompt: it is empty.", hint="Write something, or attach a file.")
        for choice in choices:
            check_reads(self._app, choice.info, Request(choice.info.name, (said,)))
        return Room(len(choices))

    def _stop(self, conversation: str, position: int) -> list[Answer]:
        """Stop what is being written at and after a position; gives what was."""
        answers = self._live.get(conversation, {})
        stopped = [one for at, one in answers.items() if at >= position]
        _end(stopped)
        return stopped

    def _drop(self, conversation: str, position: int) -> None:
        """End what is being written at and after a position, whose turns are to be removed."""
        for one in self._stop(conversation, position):
            one.forget()
        with self._lock:
            there = self._live.get(conversation, {})
            self._live[conversation] = {at: one for at, one in there.items() if at < position}

    def _begin(self, asked: Round, first: Sequence[tuple[Turn, Request]], room: Room) -> None:
        """Start the answers; on the same machine each waits for those before it."""
        infos = [choice.info for choice in asked.choices]
        answers = list[Answer]()
        lanes = queue(self._app.settings, infos)
        for choice, (turn, request), earlier in zip(asked.choices, first, lanes, strict=True):
            after = [answers[n].generation for n in earlier]
            try:
                answer = Answer(self._app, asked.conversation, turn, choice, request, after, room)
            except AppError:  # no thread for it: those before it must not go on unseen
                _end(answers)
                raise
            answers.append(answer)
        with self._lock:
            for name, there in list(self._live.items()):
                if all(one.generation.done for one in there.values()):
                    del self._live[name]
            self._live[asked.conversation] = {one.turn.position: one for one in answers}


def _end(answers: Iterable[Answer]) -> None:
    """Stop them and wait until they have stored their last words, but not for ever."""
    generations = [one.generation for one in answers]
    stop(generations)
    until = time.monotonic() + STOP_S
    for one in generations:
        one.join(max(0.0, until - time.monotonic()))
