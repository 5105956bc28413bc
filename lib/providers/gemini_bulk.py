"""Gemini through the retired google-generativeai: rows in bulk over gRPC, at a third of the CPU.

Over REST (a base URL, but no gRPC target) every answer is fetched in one piece: this SDK's REST
stream hides the status of an error and ends a cut stream without a word.
"""

import contextlib
import json
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import grpc

from lib.core.chat import Done, Event, Finish, Message, ModelInfo, Option, Request, Text, Usage
from lib.core.errors import AppError, BadReply, NoConnection, TimedOut, Unreachable, Unsupported
from lib.core.station import ENGINES, HostReport
from lib.providers import gemini_wire, reports
from lib.providers.gemini_protos import as_count, as_protos, sdk
from lib.providers.grpc_line import CALLS, channel, never_connected, next_chunk, unreadable
from lib.providers.hosts import Clients
from lib.providers.line import Line, current
from lib.providers.wire import CONNECTIONS, our_errors

NEARLY_S = 0.05  # a deadline of ours has passed when less is left
GOOGLE = "generativelanguage.googleapis.com:443"
LACKS: frozenset[Option] = frozenset({"seed", "media_resolution"})


class GeminiBulk:
    """`grpc_target` is host:port (None: Google's); with `base_url` alone the SDK speaks REST."""

    name = "gemini"

    def __init__(
        self,
        key: str,
        base_url: str | None,
        grpc_target: str | None,
        timeout_s: float,
        known: list[ModelInfo],
    ) -> None:
        self._key, self._timeout_s = key, timeout_s
        self._known = [replace(info, takes=info.takes - LACKS, thinking=()) for info in known]
        self._rest_root = base_url if base_url and not grpc_target else None
        self._target = grpc_target or GOOGLE
        self._lock = threading.Lock()
        self._channels = Clients(self._transport, CALLS)
        # Its import takes half a second, which is not the model's first token.
        threading.Thread(target=sdk, daemon=True).start()

    @cached_property
    def _rest(self) -> Any:
        from google.ai.generativelanguage import GenerativeServiceClient
        from requests.adapters import HTTPAdapter

        options = {"api_endpoint": self._rest_root, "api_key": self._key}
        client = GenerativeServiceClient(transport="rest", client_options=options)
        transport: Any = client.transport
        session = transport._session
        session.hooks["response"].append(_without_thoughts)
        pool = HTTPAdapter(pool_maxsize=CONNECTIONS["max_keepalive_connections"])
        session.mount(f"{self._rest_root}/", pool)  # its own pool keeps ten connections
        return client

    def _transport(self) -> Any:
        """The SDK's transport; its bare stubs can be cancelled while they wait, its client not."""
        from google.ai.generativelanguage import GenerativeServiceClient

        transport = GenerativeServiceClient.get_transport_class("grpc")
        return transport(channel=channel(self._target))

    def stream(self, request: Request) -> Generator[Event, None, None]:
        _refuse_what_it_lacks(request)
        gemini_wire.check(request)
        message = as_protos(request)
        with our_errors(gemini_wire.WHO, request.model, _translate):
            if request.stream and not self._rest_root:
                with contextlib.closing(self._by_stream(message)) as chunks:
                    yield from _events(chunks)
            else:
                yield from _events(iter([self._ask("generate_content", message)]))

    def count(self, request: Request) -> int:
        """As Google counts it, system prompt and schema included."""
        line, message = Line(gemini_wire.LOOK_UP_S), as_count(request)
        with line.held(), our_errors(gemini_wire.WHO, request.model, _translate):
            return int(self._ask("count_tokens", message).total_tokens)

    def _ask(self, method: str, message: Any) -> Any:
        """The answer of a call that has just one."""
        line = self._line()
        if self._rest_root:
            with self._lock:
                client = self._rest
            # Its default would repeat a 503 for ten minutes.
            return getattr(client, method)(message, timeout=line.left_s(), retry=None)
        with self._channels.with_room() as transport:
            call = getattr(transport, method).future(
                message, timeout=line.left_s(), metadata=self._metadata(message)
            )
            with line.waiting(call.cancel):
                return call.result()

    def _by_stream(self, message: Any) -> Generator[Any, None, None]:
        line, metadata = self._line(), self._metadata(message)
        with self._channels.with_room() as transport:
            # No gRPC deadline: it would end a long answer. The line's bound is on each silence.
            call = transport.stream_generate_content(message, metadata=metadata)
            try:
                while (chunk := next_chunk(call, line)) is not None:
                    yield chunk
            finally:
                call.cancel()

    def _line(self) -> Line:
        return current() or Line(self._timeout_s)

    def _metadata(self, message: Any) -> list[tuple[str, str]]:
        return [("x-goog-api-key", self._key), ("x-goog-request-params", f"model={message.model}")]

    def models(self) -> list[ModelInfo]:
        return self._known

    def has(self, name: str) -> bool:  # noqa: ARG002 (another adapter can ask)
        """Whether Google knows a model: the first call will tell."""
        return True

    def report(self) -> list[HostReport]:
        """Whether Google takes the key, asked by counting a word, which costs nothing."""
        where = self._rest_root or self._target
        return reports.of_all(self._report, [where], ENGINES[self.name])

    def _report(self, where: str) -> HostReport:
        self.count(Request(self._known[0].name, (Message("user", "a"),)))
        models = tuple(map(reports.hosted, self._known))
        return HostReport(reports.shown(where), ENGINES[self.name], models=models)

    def close(self) -> None:
        for transport in self._channels.made:
            transport.close()
        if client := self.__dict__.get("_rest"):
            client.transport.close()


def _refuse_what_it_lacks(request: Request) -> None:
    lacks = {
        "thinking": request.thinking is not None,
        "seed": request.seed is not None,
        "media_resolution": request.media_resolution is not None,
        "logprobs": request.logprobs > 0,
    }
    if missing := [name for name, wanted in lacks.items() if wanted]:
        raise Unsupported(
            f"{missing[0]}: the retired SDK google-generativeai has no such option.",
            hint="Set GEMINI_SDK=google-genai, or leave the option out.",
        )


def _events(chunks: Iterator[Any]) -> Iterator[Event]:
    reason: str | None = None
    answered = blocked = False
    for chunk in chunks:
        blocked = blocked or bool(chunk.prompt_feedback.block_reason)
        for candidate in list(chunk.candidates)[:1]:  # a slice of proto-plus is not wrapped
            answered = True
            reason = _reason(candidate) or reason
            if text := "".join(part.text for part in candidate.content.parts):
                yield Text(text)
        if "usage_metadata" in chunk:
            yield _usage(chunk.usage_metadata)
    if not answered and not blocked:
        raise BadReply(f"{gemini_wire.WHO} answered without a candidate.")
    yield Done(Finish.REFUSED if blocked else gemini_wire.finish(reason))


def _without_thoughts(response: Any, **_: Any) -> None:
    """Take thoughts out of a REST answer before the SDK reads it: it would call them text."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        body = response.json()
        for candidate in body.get("candidates", ()):
            content = candidate.get("content", {})
            parts = content.get("parts", [])
            content["parts"] = [part for part in parts if not part.get("thought")]
        response._content = json.dumps(body).encode()


def _reason(candidate: Any) -> str | None:
    """The finish reason's name; one that is newer than this SDK is a bare number."""
    reason = candidate.finish_reason
    return getattr(reason, "name", "OTHER") if reason else None


def _usage(counted: Any) -> Usage:
    return gemini_wire.usage(
        counted.prompt_token_count,
        counted.candidates_token_count,
        counted.total_token_count,
        cached=counted.cached_content_token_count,
    )


def _translate(error: Exception, model: str) -> AppError | None:
    from google.api_core import exceptions
    from requests import exceptions as requests

    if _not_sent(error):
        return NoConnection(f"{gemini_wire.WHO} does not answer.")
    if isinstance(error, grpc.RpcError):
        if unreadable(error):
            return BadReply(f"{gemini_wire.WHO} sent something that cannot be read.")
        error = exceptions.from_grpc_error(error)  # type: ignore[no-untyped-call]
    ours = isinstance(error, exceptions.DeadlineExceeded) and not _time_left()
    if ours or isinstance(error, requests.Timeout):
        return TimedOut(f"{gemini_wire.WHO} sent nothing for too long.")
    if isinstance(error, (requests.ConnectionError, requests.ChunkedEncodingError)):
        return Unreachable(f"{gemini_wire.WHO} does not answer, or the connection broke.")
    if isinstance(error, exceptions.GoogleAPICallError):
        details = [_plain(detail) for detail in error.details or ()]
        return gemini_wire.error(int(error.code or 500), model, details)
    return None


def _not_sent(error: Exception) -> bool:
    from requests import exceptions as requests
    from urllib3.exceptions import ConnectTimeoutError  # a refused connection is one of its kind

    if isinstance(error, grpc.RpcError):
        return never_connected(error)
    if not isinstance(error, requests.ConnectionError) or not error.args:
        return False
    return isinstance(getattr(error.args[0], "reason", None), ConnectTimeoutError)


def _time_left() -> bool:
    """Whether the line would still wait: then it was the server that gave up."""
    line = current()
    return line is not None and line.left_s() > NEARLY_S


def _plain(detail: Any) -> dict[str, Any]:
    """One error detail as a dict: gRPC gives messages, REST gives dicts already."""
    if isinstance(detail, dict):
        return detail
    from google.protobuf.json_format import MessageToDict

    return dict(MessageToDict(detail))
