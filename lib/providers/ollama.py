"""Ollama through its own client: one host or several."""

import functools
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from lib.core.chat import (
    NO_MODEL,
    Done,
    Event,
    Finish,
    ModelInfo,
    Request,
    Text,
    Thinking,
    Thought,
    TokenLogprob,
    Usage,
)
from lib.core.errors import AppError, BadReply
from lib.core.thinking import named_levels
from lib.providers.hosts import Clients, Hosts
from lib.providers.line import Line
from lib.providers.ollama_sdk import (
    LIST_S,
    WHO,
    Facts,
    client,
    facts,
    in_time,
    named,
    ollama,
    translate,
)
from lib.providers.ollama_wire import arguments, surely_cut, window
from lib.providers.wire import our_errors

# The pool of httpx looks through all its connections at both ends of every call: with hundreds of
# them in one pool that takes ten times the CPU of the call itself.
CALLS_PER_CLIENT = 32
SHOWN_S = 60.0  # how long what /api/show says of a model is believed


class Ollama:
    """`hosts` are base URLs; `timeout_s` bounds each silence."""

    name = "ollama"

    def __init__(self, hosts: list[str], timeout_s: float) -> None:
        makers = {host: functools.partial(client, host, timeout_s) for host in hosts}
        self._hosts = Hosts({host: Clients(makers[host], CALLS_PER_CLIENT) for host in hosts})
        self._listing = {host: client(host, LIST_S) for host in hosts}
        self._asking = {host: threading.Lock() for host in hosts}
        self._show = functools.lru_cache(maxsize=256)(self._shown)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self._hosts.clients)

    def having(self, model: str) -> list[str]:
        return self._hosts.having(model)

    def stream(self, request: Request) -> Generator[Event, None, None]:
        ask = functools.partial(self._ask, request)
        return self._hosts.stream(request.model, ask, request.host)

    def _ask(
        self, request: Request, host: str, clients: Clients[ollama.Client]
    ) -> Generator[Event, None, None]:
        with clients.with_room() as free, our_errors(WHO, request.model, translate):
            tokens = window(request, self._facts(host, request.model).context_tokens)
            chunks = free.chat(**arguments(request, tokens))
            if not request.stream:
                yield from _events(iter([chunks]), request)
                return
            with closing(chunks):
                yield from _events(chunks, request)

    def _shown(self, host: str, model: str, _minute: int) -> Facts:
        try:
            with our_errors(WHO, model, translate):
                return facts(self._listing[host], model)
        except AppError:
            return Facts()

    def _facts(self, host: str, model: str) -> Facts:
        """What the server says of a model; none when it does not, the call itself will tell why."""
        with self._asking[host]:  # hundreds of calls that begin together ask once
            return self._show(host, model, int(time.monotonic() // SHOWN_S))

    def models(self) -> list[ModelInfo]:
        found, silent = self._hosts.list_models(self._list)
        if not found:
            return [ModelInfo(self.name, NO_MODEL, available=False, reason=_why_empty(silent))]
        return found

    def _list(self, host: str) -> list[ModelInfo]:
        line = Line(LIST_S)
        with line.held(), our_errors(WHO, "", translate):
            names = named(self._listing[host], "/api/tags")
            # What a slow server has not told of its models by then is not waited for.
            return [
                self._info(name, self._facts(host, name) if in_time(line) else Facts())
                for name in names
            ]

    def _info(self, name: str, known: Facts) -> ModelInfo:
        levels = _levels(name, known)
        return ModelInfo(
            self.name,
            name,
            input=known.reads(name),
            context_tokens=known.context_tokens,
            thinking=levels,
            thinks=bool(levels),
        )

    def close(self) -> None:
        made = [one for clients in self._hosts.clients.values() for one in clients.made]
        client: Any  # its close() has no types
        for client in (*made, *self._listing.values()):
            client.close()


def _why_empty(silent: list[AppError]) -> str:
    if silent:
        return f"{silent[0]} Start it with «ollama serve», or set OLLAMA_HOST."
    return "Ollama has no model yet. Get one with «ollama pull gemma3:4b»."


def _levels(name: str, known: Facts) -> tuple[Thinking, ...]:
    """What `think` can say: on and off, and three words to gpt-oss, which cannot be switched off.

    Ollama refuses `think` for a model without the capability.
    """
    if "thinking" not in (known.can or ()):
        return ()
    return ("low", "medium", "high") if named_levels(name) else ("off", "high")


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
    return Done(
        Finish.LENGTH if chunk.done_reason == "length" else Finish.STOP,
        version=chunk.model,
        load_ms=_milliseconds(chunk.load_duration),
        prompt_cut=surely_cut(request, chunk.prompt_eval_count),
        prompt_ms=_milliseconds(chunk.prompt_eval_duration),
        answer_ms=_milliseconds(chunk.eval_duration),
    )


def _milliseconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6


def _logprobs(chunk: ollama.ChatResponse) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            one.token or "",
            one.logprob or 0.0,
            tuple((top.token or "", top.logprob or 0.0) for top in one.top_logprobs or ()),
        )
        for one in chunk.logprobs or ()
    )
