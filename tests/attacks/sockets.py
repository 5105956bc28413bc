"""Bytes to the server and back, with no client in between that would tidy them up."""

import re
import socket

from tests.browser.conftest import Site

PATIENCE_S = 10.0


def knock(site: Site) -> socket.socket:
    """An open connection to the server."""
    host, port = site.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def speak(site: Site, data: bytes) -> bytes:
    """All the server says to `data` until it hangs up; what it says is known to be short."""
    with knock(site) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:  # refused while it still listened: what was said counts
            pass
    return answer


def head(line: str, *fields: str) -> bytes:
    """A request's head, its last request on the connection."""
    return "\r\n".join([line, "Host: 127.0.0.1", *fields, "Connection: close", "", ""]).encode()


def get(site: Site, path: str, *fields: str, method: str = "GET") -> bytes:
    return speak(site, head(f"{method} {path} HTTP/1.1", *fields))


def statuses(answer: bytes) -> list[int]:
    """The status of every answer in there, in order."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def fields_of(answer: bytes) -> dict[str, str]:
    """The header fields of the first answer, names in small letters."""
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def shake_hands(site: Site, *fields: str, path: str = "/_stcore/stream") -> int:
    """The status of a websocket's handshake: 101 when it opens."""
    upgrade = [
        "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]  # fmt: skip
    with knock(site) as connection:
        lines = [f"GET {path} HTTP/1.1", *upgrade, *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        try:
            return statuses(connection.recv(65_536))[0]
        except ConnectionError:
            return 0
