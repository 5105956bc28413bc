"""What each model of a round is asked: the prompt, and what was said before as far as it reads."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lib.core.chat import Finish, Media, Message, ModelInfo, Request
from lib.core.options import to_fields
from lib.store.conversations import Turn, name_of
from lib.work.app import App
from lib.work.ask import fit
from lib.work.models import Choice


@dataclass(frozen=True, slots=True)
class Round:
    """A prompt, as stored and as said, what stands before it, and who is to answer it."""

    conversation: str
    before: Sequence[Turn]
    prompt: Turn
    said: Message
    choices: Sequence[Choice]
    options: Request

    @property
    def settings(self) -> dict[str, Any]:
        """What the conversation is opened with again: models and options."""
        models = [choice.info.id for choice in self.choices]
        return {"models": models, "options": to_fields(self.options)}


def begun(app: App, asked: Round) -> list[tuple[Turn, Request]]:
    """For each model its answer as it stands at first, and what it is asked."""
    better = app.marks.of(asked.conversation) if asked.before else {}
    media = functools.cache(app.conversations.media)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = []
    for position, choice in enumerate(asked.choices, asked.prompt.position + 1):
        messages = (*history(asked.before, better, choice.info, media), asked.said)
        request = fit(choice.info, replace(asked.options, messages=messages))
        facts = {
            "model": choice.info.id, "finish": Finish.INCOMPLETE.value,
            "options": to_fields(request), "asked": now,
        }  # fmt: skip
        found.append((Turn(position, "assistant", "", facts=facts), request))
    return found


def stored(position: int, said: Message) -> Turn:
    """A prompt as it is stored; its files go with it under their names."""
    return Turn(position, "user", said.text, media=tuple(map(name_of, said.media)))


def history(
    turns: Sequence[Turn],
    better: Mapping[int, str | None],
    info: ModelInfo,
    media: Callable[[str], Media],
) -> Iterator[Message]:
    """Each earlier prompt with one answer: the model's own, else the one marked as better (by the
    prompt's position), else the first.

    A prompt nobody answered with words is left out, since roles must alternate; what this model
    cannot read stays behind.
    """
    for prompt, answers in _groups(turns):
        said = [turn for turn in answers if turn.text]
        if not said:
            continue
        wanted = (info.id, better.get(prompt.position) or info.id)
        by_model = {turn.facts.get("model"): turn for turn in reversed(said)}
        chosen = next((by_model[model] for model in wanted if model in by_model), said[0])
        asked = _message(prompt, info, media)
        if asked.text or asked.media:  # servers refuse an empty message
            yield asked
            yield _message(chosen, info, media)


def _groups(turns: Sequence[Turn]) -> Iterator[tuple[Turn, list[Turn]]]:
    """Each prompt with the answers behind it."""
    prompt, answers = None, list[Turn]()
    for turn in turns:
        if turn.role == "assistant":
            answers.append(turn)
            continue
        if prompt:
            yield prompt, answers
        prompt, answers = turn, []
    if prompt:
        yield prompt, answers


def _message(turn: Turn, info: ModelInfo, media: Callable[[str], Media]) -> Message:
    """A stored turn for a model, without what it cannot read."""
    parts = (media(name) for name in turn.media)
    return Message(turn.role, turn.text, tuple(p for p in parts if p.modality in info.input))
