"""The request a prompt would become in a conversation; nothing is stored and nobody is asked."""

from dataclasses import replace

from lib.core.chat import Media, Message, Request
from lib.providers.ollama_wire import window
from lib.work.app import App
from lib.work.ask import fit
from lib.work.history import history
from lib.work.models import Choice


def draft(
    app: App,
    conversation: str | None,
    choice: Choice,
    said: Message,
    options: Request,
    before: int | None = None,
) -> Request:
    """What the model would be sent: `said` behind all that stands before position `before`.

    `before` None: behind everything there is. `options` is a request without messages.
    """
    if conversation is None:
        return fit(choice.info, replace(options, messages=(said,)))
    turns = app.conversations.turns(conversation)
    earlier = [turn for turn in turns if before is None or turn.position < before]
    better = app.marks.of(conversation)
    told = history(earlier, better, choice.info, app.conversations.media)
    return fit(choice.info, replace(options, messages=(*told, said)))


def window_of(choice: Choice, request: Request) -> int | None:
    """The window in tokens that Ollama is told to keep for a request; None for the others."""
    if choice.info.provider != "ollama":
        return None
    return window(request, choice.info.context_tokens)


def last_prompt(app: App, conversation: str) -> tuple[int, Message] | None:
    """The newest prompt and its position."""
    turns = app.conversations.page(conversation, None, 1)
    prompt = next((turn for turn in turns if turn.role == "user"), None)
    if prompt is None:
        return None
    media: tuple[Media, ...] = tuple(map(app.conversations.media, prompt.media))
    return prompt.position, Message("user", prompt.text, media)
