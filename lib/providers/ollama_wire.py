"""Our requests in Ollama's words, and how large a window each of them needs."""

import re
from typing import Any

from lib.core.chat import Message, Request
from lib.core.thinking import named_levels
from lib.providers.ollama_sdk import ollama

# Ollama cuts a prompt that does not fit without a word (its own default is 4,096 tokens on small
# GPUs), so the window is always sent. Steps, because another window reloads the model.
SMALLEST_WINDOW = 8192
PICTURE_TOKENS = 1024
# No tokenizer of a served family puts more than eight characters of ordinary text into a token,
# so a counted prompt below a token per eight characters has lost a part.
MOST_CHARACTERS_PER_TOKEN = 8
SHORT_PROMPT = 4096  # characters; below that the template weighs too much to judge


def window(request: Request, limit: int | None) -> int:
    """Tokens of context to ask for: a power of two that holds prompt and answer, if it can."""
    wanted = _tokens(request) + request.max_tokens
    tokens = SMALLEST_WINDOW
    while tokens < wanted:
        tokens *= 2
    return min(tokens, limit) if limit else tokens


def surely_cut(request: Request, counted: int | None) -> bool:
    """Whether the server counted fewer tokens than the prompt must have had."""
    characters = len(request.system) + sum(len(message.text) for message in request.messages)
    return (
        counted is not None
        and characters >= SHORT_PROMPT
        and counted * MOST_CHARACTERS_PER_TOKEN < characters
    )


def _tokens(request: Request) -> int:
    """About the most tokens a prompt can be: letters go two to a token, digits one by one.

    Other scripts are counted by their bytes, half a token each.
    """
    texts = [request.system, *(message.text for message in request.messages)]
    pictures = sum(len(message.media) for message in request.messages)
    bytes_and_digits = sum(len(text.encode()) + len(re.findall(r"\d", text)) for text in texts)
    return bytes_and_digits // 2 + pictures * PICTURE_TOKENS


def arguments(request: Request, num_ctx: int) -> dict[str, Any]:
    """What `ollama.Client.chat` takes for a request with a window of `num_ctx` tokens."""
    options = {
        "num_ctx": num_ctx,
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": list(request.stop) or None,
    }
    system = [{"role": "system", "content": request.system}] if request.system else []
    return {
        "model": request.model,
        "messages": [*system, *map(_message, request.messages)],
        "stream": request.stream,
        "think": _think(request),
        "format": _format(request),
        "logprobs": True if request.logprobs else None,
        "top_logprobs": request.logprobs or None,
        "options": {name: value for name, value in options.items() if value is not None},
    }


def _think(request: Request) -> bool | str | None:
    """On or off; a level by its name is only for models that have named ones."""
    if request.thinking in (None, "off"):
        return None if request.thinking is None else False
    return request.thinking if named_levels(request.model) else True


def _format(request: Request) -> dict[str, Any] | None:
    """The schema the answer is held to. Some models answer past it when told not to think."""
    if request.choices:
        return {"type": "string", "enum": list(request.choices)}
    return request.json_schema


def _message(message: Message) -> dict[str, Any]:
    # Bytes only: the client reads a string that names a file from this server's disk.
    images = [ollama.Image(value=bytes(media.data)) for media in message.media]
    return {"role": message.role, "content": message.text, "images": images or None}
