"""A real server on 127.0.0.1 that answers a fetch as well or as badly as it is told."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from PIL import Image

from lib.core.chat import Media
from lib.work.fetch import fetch_picture
from tests.unit.pictures import saved

Reply = Callable[["Handler"], None]

PNG = saved(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG")


class Handler(BaseHTTPRequestHandler):
    """Answers each path with what `replies` holds for it, and keeps what it was sent."""

    replies: ClassVar[dict[str, Reply]] = {}
    seen: ClassVar[list[dict[str, str]]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        with suppress(OSError):  # The fetch hangs up, as it should.
            self.replies[self.path](self)

    def log_message(self, *_: object) -> None:
        pass


def send(body: bytes = PNG, status: int = 200, length: bool = True, **fields: str) -> Reply:
    def reply(handler: Handler) -> None:
        handler.send_response(status)
        if length:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def redirect(location: str) -> Reply:
    return send(b"", 302, Location=location)


def drip(head: bytes, drop: bytes, pause_s: float = 0.05, drops: int = 400) -> Reply:
    def reply(handler: Handler) -> None:
        handler.wfile.write(head)
        for _ in range(drops):
            handler.wfile.write(drop)
            time.sleep(pause_s)

    return reply


class Site:
    """A real server on 127.0.0.1 and a fetch that may reach exactly that address."""

    def __init__(self, port: int, handler: type[Handler]) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.replies, self.seen = handler.replies, handler.seen

    def fetch(self, path: str = "/", **options: Any) -> Media:
        options.setdefault("forbidden", lambda address: address != "127.0.0.1")
        return fetch_picture(path if "://" in path else self.base + path, **options)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    handler = type("OwnHandler", (Handler,), {"replies": {}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Site(server.server_port, handler)
    finally:
        server.shutdown()
        server.server_close()
