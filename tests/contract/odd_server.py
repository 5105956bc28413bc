"""A server that says whatever it is told to, in bytes and at its own pace."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIGITS = b"1" + b"0" * 5000
ODD_NUMBERS = [DIGITS, b"1e30", b"9" * 30, b"-1", b"NaN", b"Infinity", b'"x"', b"[]", b"true"]


@contextmanager
def server(answers: dict[str, Any]) -> Iterator[str]:
    """Sends bytes as they are, JSON of anything else, and what an iterator yields as it comes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            value = answers.get(self.path)
            self.send_response(404 if value is None else 200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            try:
                for piece in value() if callable(value) else [value]:
                    said = piece if isinstance(piece, bytes) else json.dumps(piece).encode()
                    self.wfile.write(said)
            except ConnectionError:
                pass  # the reader has heard enough

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

    with Server(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
