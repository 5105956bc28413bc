"""Ollama through its own client: one host or several."""

import functools
import re
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import httpx
import ollama

from lib.core.chat import (
    NO_MODEL,
    Done,
    Event,
    Finish,
    Message,
    Modality,
    ModelInfo,
    Request,
    Text,
    Thought,
    TokenLogprob,
    Usage,
)
from lib.core.errors import AppError, BadReply
from lib.providers.hosts import Hosts
from lib.providers.reads import by_name
from lib.providers.wire import client_options, from_status, our_errors, retry_after_s

WHO = "Ollama"
LIST_S = 3.0  # longest wait for a list of models: the picker must not hang on a dead host
SHOWN_S = 60.0  # how long what /api/show says of a model is believed

# Ollama cuts a prompt that does not fit without a word (its own default is 4,096 tokens on small
# GPUs), so the window is always sent. Steps, because another window reloads the model.
SMALLEST_WINDOW = 8192
PICTURE_TOKENS = 1024
# No tokenizer of a served family puts more than eight characters of ordinary text into a token,
# so a counted prompt below a token per eight characters has lost a part.
MOST_CHARACTERS_PER_TOKEN = 8
SHORT_PROMPT = 4096  # characters; below that the template weighs too much to judge

_READS: dict[str, Modality] = {"vision": "image", "audio": "audio"}


class _Status(Exception):
    """An answer of 400 and above, with the header the client would have thrown away."""

    def __init__(self, response: httpx.Response) -> None:
        self.status, self.retry_after_s = response.status_code, retry_after_s(response.headers)


def _check(response: httpx.Response) -> None:
    if response.status_code >= 400:
        raise _Status(response)


class Ollama:
    """`hosts` are base URLs; `timeout_s` bounds each silence."""

    name = "ollama"

    def __init__(self, hosts: list[str], timeout_s: float) -> None:
        def client(host: str, seconds: float) -> ollama.Client:
            hooks = {"response": [_check]}
            return ollama.Client(host, event_hooks=hooks, **client_options(seconds))

        self._hosts = Hosts({host: client(host, timeout_s) for host in hosts})
        self._listing = {host: client(host, LIST_S) for host in hosts}
        self._show = functools.lru_cache(maxsize=256)(self._shown)

    def stream(self, request: Request) -> Generator[Event, None, None]:
        with (
            self._hosts.least_busy(request.model) as (host, client),
            our_errors(WHO, request.model, _translate),
        ):
            window = self._window(host, request)
            chunks = client.chat(**_arguments(request, window))
            if not request.stream:
                yield from _events(iter([chunks]), request)
                return
            with closing(chunks):
                yield from _events(chunks, request)

    def _window(self, host: str, request: Request) -> int:
        """Tokens of context to ask for: a power of two that holds prompt and answer, if it can."""
        limit = _context(self._facts(host, request.model))
        wanted = _tokens(request) + request.max_tokens
        window = SMALLEST_WINDOW
        while window < wanted:
            window *= 2
        return min(window, limit) if limit else window

    def _shown(self, host: str, model: str, _minute: int) -> ollama.ShowResponse:
        return self._listing[host].show(model)

    def _facts(self, host: str, model: str) -> ollama.ShowResponse | None:
        """What the server says of a model; None when it does not, the call itself will tell why."""
        try:
            with our_errors(WHO, model, _translate):
                return self._show(host, model, int(time.monotonic() // SHOWN_S))
        except AppError:
            return None

    def models(self) -> list[ModelInfo]:
        found, silent = self._hosts.list_models(self._list)
        if not found:
            return [ModelInfo(self.name, NO_MODEL, available=False, reason=_why_empty(silent))]
        return found

    def _list(self, host: str) -> list[ModelInfo]:
        with our_errors(WHO, "", _translate):
            names = sorted(model.model or "" for model in self._listing[host].list().models)
            return [self._info(host, name) for name in names]

    def _info(self, host: str, name: str) -> ModelInfo:
        shown = self._facts(host, name)
        return ModelInfo(self.name, name, input=_reads(name, shown), context_tokens=_context(shown))

    def close(self) -> None:
        client: Any  # its close() has no types
        for client in (*self._hosts.clients.values(), *self._listing.values()):
            client.close()


def _why_empty(silent: list[AppError]) -> str:
    if silent:
        return f"{silent[0]} Start it with «ollama serve», or set OLLAMA_HOST."
    return "Ollama has no model yet. Get one with «ollama pull gemma3:4b»."


def _reads(name: str, shown: ollama.ShowResponse | None) -> tuple[Modality, ...]:
    if shown is None or shown.capabilities is None:  # a server before 0.6.4
        return by_name(name)
    return ("text", *(_READS[can] for can in shown.capabilities if can in _READS))


def _context(shown: ollama.ShowResponse | None) -> int | None:
    facts = (shown.modelinfo if shown else None) or {}
    lengths = [value for name, value in facts.items() if name.endswith(".context_length")]
    return int(lengths[0]) if lengths else None


def _characters(request: Request) -> int:
    return len(request.system) + sum(len(message.text) for message in request.messages)


def _tokens(request: Request) -> int:
    """About the most tokens a prompt can be: letters go two to a token, digits one by one.

    Other scripts are counted by their bytes, half a token each.
    """
    texts = [request.system, *(message.text for message in request.messages)]
    pictures = sum(len(message.media) for message in request.messages)
    bytes_and_digits = sum(len(text.encode()) + len(re.findall(r"\d", text)) for text in texts)
    return bytes_and_digits // 2 + pictures * PICTURE_TOKENS


def _arguments(request: Request, window: int) -> dict[str, Any]:
    options = {
        "num_ctx": window,
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
        "think": None if request.thinking is None else request.thinking != "off",
        "format": request.json_schema,
        "logprobs": True if request.logprobs else None,
        "top_logprobs": request.logprobs or None,
        "options": {name: value for name, value in options.items() if value is not None},
    }


def _message(message: Message) -> dict[str, Any]:
    # Bytes only: the client reads a string that names a file from this server's disk.
    images = [ollama.Image(value=bytes(media.data)) for media in message.media]
    return {"role": message.role, "content": message.text, "images": images or None}


def _events(chunks: Iterator[ollama.ChatResponse], request: Request) -> Iterator[Event]:
    for chunk in chunks:
        if chunk.message.thinking:
            yield Thought(chunk.message.thinking)
        if chunk.message.content:
            yield Text(chunk.message.content, _logprobs(chunk))
        if chunk.done:
            yield Usage(chunk.prompt_eval_count, chunk.eval_count)
            yield _done(chunk, request)
            return
    yield Done(Finish.INCOMPLETE)


def _done(chunk: ollama.ChatResponse, request: Request) -> Done:
    if chunk.done_reason not in (None, "stop", "length"):
        raise BadReply(f"{WHO} ended the answer for a reason this app does not know.")
    characters = _characters(request)
    counted = chunk.prompt_eval_count
    return Done(
        Finish.LENGTH if chunk.done_reason == "length" else Finish.STOP,
        version=chunk.model,
        load_ms=chunk.load_duration / 1e6 if chunk.load_duration is not None else None,
        prompt_cut=counted is not None
        and characters >= SHORT_PROMPT
        and counted * MOST_CHARACTERS_PER_TOKEN < characters,
    )


def _logprobs(chunk: ollama.ChatResponse) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            one.token or "",
            one.logprob or 0.0,
            tuple((top.token or "", top.logprob or 0.0) for top in one.top_logprobs or ()),
        )
        for one in chunk.logprobs or ()
    )


def _translate(error: Exception, model: str) -> AppError | None:
    if isinstance(error, _Status):
        return from_status(error.status, WHO, model, error.retry_after_s)
    if isinstance(error, ollama.ResponseError):  # an error line in mid-stream, status -1
        return BadReply(f"{WHO} broke off with an error.")
    return None
