"""The fake server: all HTTP dialects on one port, gRPC on another, everything on 127.0.0.1."""

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.fakes import gemini, gemini_batch, openai
from tests.fakes.calls import Call, Register
from tests.fakes.conduct import Conduct
from tests.fakes.gemini_batch import GeminiBatches
from tests.fakes.gemini_grpc import build_server
from tests.fakes.ollama import Ollama
from tests.fakes.ollama_store import Pull, Store
from tests.fakes.talk import Talk, answer
from tests.fakes.wire import HungUp, Line, Reply
from tests.ports import free_port

OWN = {"/stats": Register.stats, "/asked": Register.texts}


class FakeServer:
    """Speaks every provider's dialect. Port 0 means any free port; `conduct` is Conduct's fields.

    `calls` holds every call so far, in order, or the last ones when only `keep_calls` are kept;
    `in_flight` and `max_in_flight` count generations. GET /stats and /asked tell it in JSON.
    `ollama` is what the fake Ollama has, and how fast and well it downloads; `batches` are those of
    Gemini's Batch API.
    """

    def __init__(
        self, port: int = 0, grpc_port: int = 0, keep_calls: int | None = None, **conduct: Any
    ) -> None:
        self._register = Register(Conduct(**conduct), keep_calls)
        self.ollama = Store()
        self.batches = GeminiBatches(self._register)
        speakers = {"ollama": Ollama(self.ollama), "gemini": gemini, "openai": openai}
        speakers |= {"gemini_batch": self.batches}
        self._http = _Server(("127.0.0.1", port or free_port()), self._register, speakers)
        self._grpc, bound = build_server(self._register, grpc_port or free_port())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.grpc_target = f"127.0.0.1:{bound}"

    @property
    def calls(self) -> list[Call]:
        return self._register.calls

    @property
    def asked(self) -> list[Call]:
        """The calls that asked a model for an answer; lists and facts left out."""
        return [call for call in self.calls if call.generation]

    @property
    def connections(self) -> int:
        """How many HTTP connections were ever opened."""
        return self._http.accepted

    @property
    def in_flight(self) -> int:
        return self._register.in_flight

    @property
    def max_in_flight(self) -> int:
        return self._register.max_in_flight

    @property
    def stats(self) -> dict[str, float | None]:
        return self._register.stats()

    @property
    def texts(self) -> dict[str, int]:
        """How often each row's text was asked about; a call that was turned away asked nothing."""
        return self._register.texts()

    def wait_idle(self, timeout_s: float = 2.0) -> bool:
        """Wait until no generation runs; False if one still does. A hang-up needs a moment."""
        return self._register.wait_idle(timeout_s)

    def start(self) -> Self:
        self._grpc.start()
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def close(self) -> None:
        """Stop at once: open connections are dropped, answered or not."""
        self._register.closing = True
        stopped = self._grpc.stop(grace=None)
        self._http.shutdown()
        self._http.server_close()
        self._http.drop_connections()
        stopped.wait(0.5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], register: Register, speakers: dict[str, Any]
    ) -> None:
        super().__init__(address, _Handler)
        self.register, self.speakers = register, speakers
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self.accepted += 1
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Wake every handler, even an idle one: a closed server must not answer on old lines."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that vanished is no news; anything else is a bug in the fake."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers |= {":method": self.command, ":path": self.path}  # as HTTP/2 calls them
        raw = self.rfile.read(int(headers.get("content-length", 0)))
        body = json.loads(raw) if raw else {}
        path, _, query = self.path.partition("?")
        dialect = _dialect(path, headers)
        speaker = self.server.speakers.get(dialect)
        talk = speaker.generation(path, headers, query, body) if speaker else None
        model = talk.ask.model if talk else body.get("model", "")
        call = Call(dialect, path, headers, body, model, query=query)
        register = self.server.register
        if path not in OWN:
            register.start(call, generation=talk is not None)
        try:
            reply = None if talk else _look_up(speaker, register, path, headers, body)
            _answer(Line(self.connection, call, register), talk, reply)
        except HungUp:
            self.close_connection = True
        finally:
            register.finish(call)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; `calls` is the log."""


def _answer(line: Line, talk: Talk | None, reply: Reply | Pull | None) -> None:
    if isinstance(reply, Pull):
        return reply.answer(line)
    if talk is None:
        return line.whole(reply or Reply(404, {"error": "404 page not found"}))
    return answer(line, talk)


def _look_up(
    speaker: Any, register: Register, path: str, headers: dict[str, str], body: Any
) -> Reply | Pull | None:
    if speaker:
        found: Reply | Pull | None = speaker.look_up(path, headers, body)
        return found
    return Reply(200, OWN[path](register)) if path in OWN else None


def _dialect(path: str, headers: dict[str, str]) -> str:
    """The dialect of a path. /v1/models is both Google's and OpenAI's: the key header decides."""
    if path.startswith("/api/"):
        return "ollama"
    if gemini_batch.PATH.match(path):
        return "gemini_batch"
    if path.startswith(("/v1beta/", "/v1/models/")) or "x-goog-api-key" in headers:
        return "gemini"
    return "openai" if path.startswith("/v1/") or path in openai.BESIDE_V1 else ""
