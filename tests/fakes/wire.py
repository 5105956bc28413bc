"""One HTTP connection while it is answered, byte by byte; every wait notices a hang-up at once."""

import json
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from tests.fakes.calls import Call, Register
from tests.fakes.scenario import Ask

HANG_S = 30.0
CHUNKED = {"Transfer-Encoding": "chunked"}
JSON = "application/json"


class HungUp(Exception):
    """The client is gone, or the fake is closing; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer after a time; a str body is sent as HTML, anything else as JSON."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0

    def encode(self) -> tuple[bytes, str]:
        """Body bytes and their content type."""
        if isinstance(self.body, str):
            return self.body.encode(), "text/html"
        return json.dumps(self.body, ensure_ascii=False).encode(), JSON


class Line:
    def __init__(self, connection: socket.socket, call: Call, register: Register) -> None:
        self._socket = connection
        self._call = call
        self._register = register
        self._ended = False

    def wait(self, seconds: float) -> None:
        """Sleep; raises HungUp as soon as the client closes."""
        deadline = time.monotonic() + max(0.0, seconds)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if not poll.poll(max(0.0, left) * 1000):
                return
            if self._closed():
                self._hang_up()
            # An early next request is no hang-up: from here on only watch for the close itself.
            poll.modify(self._socket, getattr(select, "POLLRDHUP", 0))

    def let_in(self, ask: Ask) -> Ask | str:
        """The request to answer, after the server's usual time; or the fault it is refused with."""
        fault = self._register.turned_away(self._call)
        if fault:
            return fault
        fresh = self._register.note(row.text for row in ask.rows)
        self._register.wait_gathered()
        self.wait(self._register.door.latency_s())
        return replace(ask, fresh=fresh, gpu=self._register.gpu)

    def hang(self) -> None:
        """Say nothing until the client goes, or HANG_S are over; always raises HungUp."""
        self.wait(HANG_S)
        raise HungUp

    def whole(self, reply: Reply) -> None:
        """A complete answer with its length."""
        data, content_type = reply.encode()
        self.wait(reply.after_s)
        self.plain(reply.status, content_type, data, reply.headers)

    def plain(self, status: int, content_type: str, data: bytes, headers: dict[str, str]) -> None:
        self.wait(0)
        self._register.finish(self._call)
        length = {"Content-Length": str(len(data))}
        self._send(_head(status, {"Content-Type": content_type, **length, **headers}))
        for part in _split_in_character(data):
            self._send(part)

    def start(self, content_type: str, headers: dict[str, str]) -> None:
        """Status 200 and the head of a chunked answer."""
        self._send(_head(200, {"Content-Type": content_type, **CHUNKED, **headers}))

    def chunk(self, data: bytes, last: bool = False) -> None:
        """One piece of a chunked answer; the last one closes the record and the body."""
        if last:
            self._ended = True
            self._register.finish(self._call)
        parts = [_framed(part) for part in _split_in_character(data) if part]
        if last:
            parts = [*parts[:-1], b"".join(parts[-1:]) + b"0\r\n\r\n"]
        for part in parts:
            self._send(part)

    def say(self, value: Any) -> None:
        """A JSON line of a chunked answer."""
        self.chunk(json.dumps(value).encode() + b"\n")

    def end(self) -> None:
        """Close the body, if no last chunk did."""
        if not self._ended:
            self.chunk(b"", last=True)

    def reset(self, data: bytes) -> None:
        """Send half of a chunk, then drop the connection with a TCP reset."""
        self._register.finish(self._call)
        self._send(_framed(data)[: len(data) // 2])
        self._drop()

    def reset_plain(self, data: bytes) -> None:
        """Promise a whole body, send half of it, then drop the connection with a TCP reset."""
        self._register.finish(self._call)
        length = {"Content-Type": JSON, "Content-Length": str(len(data))}
        self._send(_head(200, length) + data[: len(data) // 2])
        self._drop()

    def _drop(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A plain close() would wait for the handler's own files on this socket, and send a FIN.
        os.close(self._socket.detach())
        raise HungUp

    def _closed(self) -> bool:
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        self._register.finish(self._call, hung_up=True)
        raise HungUp


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _split_in_character(data: bytes) -> list[bytes]:
    """Two parts cut inside the first character that is not ASCII; one part if there is none."""
    for i, byte in enumerate(data):
        if byte >= 0x80:
            return [data[: i + 1], data[i + 1 :]]
    return [data]
