"""Gemini's gRPC dialect: GenerativeService v1beta, as the retired SDK calls it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
from google.ai.generativelanguage_v1beta import (
    CountTokensRequest,
    CountTokensResponse,
    GenerateContentRequest,
    GenerateContentResponse,
)
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.fakes.calls import Call, Register
from tests.fakes.counting import fault_of, wait_s
from tests.fakes.gemini import chunk, known, read_ask, whole_response
from tests.fakes.gemini_errors import BAD_KEY, gemini_error
from tests.fakes.scenario import ERRORS, Ask, Step
from tests.fakes.talk import HTML_500
from tests.fakes.wire import HANG_S, HungUp

SERVICE = "google.ai.generativelanguage.v1beta.GenerativeService"
WORKERS = 512
STREAMS = 100  # at once over one connection, as at Google
NOT_PROTOBUF = b"\xff\xff\xff"

_Request = GenerateContentRequest.pb()
_Response = GenerateContentResponse.pb()
# json_format finds the types named by "@type" only once their module is imported.
_DETAILS = error_details_pb2.DESCRIPTOR


def build_server(register: Register, port: int) -> tuple[grpc.Server, int]:
    """A server that is not started yet, and its port."""
    server = grpc.server(
        ThreadPoolExecutor(WORKERS, thread_name_prefix="fake-grpc"),
        options=[("grpc.max_concurrent_streams", STREAMS)],
    )
    handlers = {
        "GenerateContent": grpc.unary_unary_rpc_method_handler(
            lambda request, context: _unary(_Turn(request, context, register, "GenerateContent")),
            request_deserializer=_Request.FromString,
        ),
        "CountTokens": grpc.unary_unary_rpc_method_handler(
            lambda request, context: _count(
                _Turn(request.generate_content_request, context, register, "CountTokens")
            ),
            request_deserializer=CountTokensRequest.pb().FromString,
        ),
        "StreamGenerateContent": grpc.unary_stream_rpc_method_handler(
            lambda request, context: _stream(
                _Turn(request, context, register, "StreamGenerateContent")
            ),
            request_deserializer=_Request.FromString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    return server, server.add_insecure_port(f"127.0.0.1:{port}")


class _Turn:
    """One call while it is answered; every wait notices a cancelled or timed-out client."""

    def __init__(
        self, request: Any, context: grpc.ServicerContext, register: Register, method: str
    ) -> None:
        body = json_format.MessageToDict(request)
        model = request.model.removeprefix("models/")
        headers = {name.lower(): str(value) for name, value in context.invocation_metadata()}
        self.ask: Ask = read_ask(model, body, stream=method.startswith("Stream"))
        self._context = context
        self._register = register
        self._call = Call("gemini_grpc", f"/{SERVICE}/{method}", headers, body, model)
        self._gone = threading.Event()
        register.start(self._call, generation=method != "CountTokens")
        if not context.add_callback(self._leave):
            self._leave()

    def _leave(self) -> None:
        # gRPC calls this at every end; after a normal one the record is closed already.
        self.finish(hung_up=True)
        self._gone.set()

    def finish(self, hung_up: bool = False) -> None:
        self._register.finish(self._call, hung_up)

    def wait(self, seconds: float) -> None:
        if self._gone.wait(max(0.0, seconds)):
            raise HungUp

    def hang(self) -> None:
        self.wait(HANG_S)
        self.abort("timeout504")

    def abort(self, fault: str) -> None:
        """End the call with the status and details of a fault; always raises."""
        self.finish()
        self._context.abort_with_status(rpc_status.to_status(_status(fault, self.ask.model)))

    def admit(self) -> None:
        """Turn away a bad key and an unknown model."""
        if self._call.headers.get("x-goog-api-key") == BAD_KEY:
            self.abort("bad_key")
        if not known(self.ask.model):
            self.abort("missing")

    def open(self) -> None:
        """Everything up to the first byte."""
        self.admit()
        if fault := self._register.turned_away(self._call):
            self.abort(fault)
        try:
            fresh = self._register.note(row.text for row in self.ask.rows)
            self.ask = replace(self.ask, fresh=fresh)
            scenario = self.ask.scenario
        except ValueError as error:
            self.finish()
            self._context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        self._register.wait_gathered()
        self.wait(self._register.door.latency_s() + scenario.slow_s)
        if scenario.fault == "hang":
            self.hang()
        if scenario.fault in ERRORS:
            self.abort(scenario.fault)

    def message(self, step: Step) -> bytes:
        """The bytes of one step; aborts where the step is an error."""
        if step.kind == "hang":
            self.hang()
        if step.kind in ("error", "reset"):
            self.abort(step.kind)
        return NOT_PROTOBUF if step.kind == "broken" else _encode(chunk(self.ask, step))


def _unary(turn: _Turn) -> bytes:
    try:
        turn.open()
        ask = turn.ask
        turn.wait(ask.scenario.pace_s * max(0, len(ask.steps) - 1))
        last = ask.steps[-1] if ask.steps else Step("text")
        if last.kind in ("hang", "error", "reset", "broken"):
            return turn.message(last)
        text = "".join(step.text for step in ask.steps if step.kind == "text")
        return _encode(whole_response(ask, "", text, None if last.kind == "text" else last))
    except HungUp:
        return b""
    finally:
        turn.finish()


def _count(turn: _Turn) -> bytes:
    try:
        turn.admit()
        if (fault := fault_of(turn.ask)) in ("missing", "internal"):
            turn.abort(fault)
        turn.wait(wait_s(turn.ask))
        counted: bytes = CountTokensResponse.pb()(
            total_tokens=turn.ask.prompt_tokens
        ).SerializeToString()
        return counted
    except HungUp:
        return b""
    finally:
        turn.finish()


def _stream(turn: _Turn) -> Iterator[bytes]:
    try:
        turn.open()
        due = time.monotonic()
        for step in turn.ask.steps:
            turn.wait(due - time.monotonic())
            due += turn.ask.scenario.pace_s
            # This proto has no thought parts, and Google sends none to clients that cannot ask.
            if step.kind != "thought":
                message = turn.message(step)
                if step is turn.ask.steps[-1]:
                    turn.finish()
                yield message
    except HungUp:
        return
    finally:
        turn.finish()


def _encode(value: dict[str, Any]) -> bytes:
    """As this version of the proto knows it: newer fields are lost, as on the real wire."""
    return json_format.ParseDict(value, _Response(), ignore_unknown_fields=True).SerializeToString()


def _status(fault: str, model: str) -> status_pb2.Status:
    named = {
        "html500": (grpc.StatusCode.INTERNAL, HTML_500),
        "gateway": (grpc.StatusCode.UNAVAILABLE, "Received http2 header with status: 502"),
        "reset": (grpc.StatusCode.UNAVAILABLE, "recvmsg:Connection reset by peer"),
    }
    if fault in named:
        code, message = named[fault]
        return status_pb2.Status(code=code.value[0], message=message)
    error = gemini_error("unavailable" if fault == "error" else fault, model)["error"]
    code = grpc.StatusCode[error.pop("status")]
    return json_format.ParseDict(error | {"code": code.value[0]}, status_pb2.Status())
