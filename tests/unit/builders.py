"""What several suites build: an app in front of fakes, clocks, certificates, small servers."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lib.core.chat import Finish, Media, Message, Request, Text, Thought
from lib.store.ledger import Outcome
from lib.store.settings import Settings
from lib.work.app import App, build
from lib.work.ask import ask
from lib.work.meter import Receipt
from tests.fakes import FakeServer

GEMINI = "gemini/gemini-3.1-flash-lite"
OLLAMA = "ollama/gemma3:4b"
TEXT_ONLY = "ollama/llama3.2:3b"
VLLM = "vllm/Qwen/Qwen2.5-VL-3B-Instruct"
PICTURE = Media("image/png", b"\x89PNG\r\n\x1a\n the fake does not look inside")
KEY = "key-that-must-stay-secret"
EVERYONE = pytest.mark.parametrize("model", [GEMINI, OLLAMA, VLLM])
# Gemini 3.1 Flash-Lite, standard tier, USD per token: input 0.25, cached 0.025, output 1.50 per
# million. Source: https://ai.google.dev/gemini-api/docs/pricing, 2026-11-22.
INPUT, CACHED, OUTPUT = Decimal("25e-8"), Decimal("25e-9"), Decimal("15e-7")
CENT = Decimal("0.01")


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


def at(text: str) -> Callable[[], datetime]:
    """A clock that stands at a time of day in UTC."""
    return lambda: datetime.fromisoformat(text).replace(tzinfo=UTC)


def paid(cost: Decimal | None, **facts: Any) -> Outcome:
    """How a call that ended well, at this cost in USD, is closed."""
    return Outcome(Finish.STOP, cost_usd=cost, total_ms=12.0, **facts)


def make_app(fake: FakeServer, folder: Path, **settings: Any) -> App:
    """Every provider in front of the fake, but the embedded one; `settings` go over that."""
    values = {
        "data_dir": folder,
        "google_api_key": KEY,
        "gemini_base_url": fake.url,
        "gemini_grpc_target": fake.grpc_target,
        "gemini_sdk": "google-genai",
        "ollama_host": fake.url,
        "vllm_base_url": f"{fake.url}/v1",
        "embedded_model": "off",
        "model_timeout_s": 10,
    }
    return build(Settings(**values | settings))


@contextmanager
def running(fake: FakeServer, folder: Path, **settings: Any) -> Iterator[App]:
    with closing(make_app(fake, folder, **settings)) as app:
        yield app


def prompt(text: str, *media: Media, **options: Any) -> Request:
    return Request("", (Message("user", text, media),), **options)


def start(
    app: App, model: str, text: str, *media: Media, **options: Any
) -> Generator[Text | Thought | Receipt, None, None]:
    return ask(app, app.models.find(model), prompt(text, *media, **options), "chat")


def answer(app: App, model: str, text: str, *media: Media, **options: Any) -> tuple[str, Receipt]:
    """The whole text and the receipt."""
    *pieces, receipt = start(app, model, text, *media, **options)
    return "".join(piece.text for piece in pieces if isinstance(piece, Text)), receipt


def only_row(app: App) -> dict[str, Any]:
    (row,) = app.ledger.rows()
    return row


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@dataclass
class Site:
    """A server that answers fixed JSON, by path; `asked` are the paths so far."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)


def tags(*names: str) -> dict[str, Any]:
    """Ollama's list of these models, for `site`."""
    return {"/api/tags": {"models": [{"model": name} for name in names]}}


@contextmanager
def site(answers: dict[str, Any]) -> Iterator[Site]:
    """Any other path is 404. A list is sent as JSON lines."""
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            found.asked.append(self.path)
            found.bodies.append(body)
            value = answers.get(self.path)
            lines = value if isinstance(value, list) else [value or {"error": "not found"}]
            self.send_response(404 if value is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write("\n".join(json.dumps(line) for line in lines).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        server.shutdown()


@contextmanager
def silent_server(say: bytes = b"") -> Iterator[str]:
    """host:port of a server that takes every call, says `say` and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as opened:

        def serve() -> None:
            while True:
                try:
                    connection = opened.enter_context(listening.accept()[0])
                    connection.sendall(say)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def deaf_server() -> Iterator[str]:
    """host:port where even connecting never ends: its queue is full and nobody takes from it."""
    with socket.socket() as listening, ExitStack() as queue:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        time.sleep(0.05)
        yield f"127.0.0.1:{address[1]}"


def certificate(name: str, folder: Path) -> Path:
    """A file with a key and a certificate that vouches for itself, for `name` alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "certificate.pem"
    path.write_bytes(secret + signed.public_bytes(encoding))
    return path


def tls_contexts(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a client and of the one server, called `name`, that it trusts."""
    pem = certificate(name, folder)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return ssl.create_default_context(cafile=pem), server
