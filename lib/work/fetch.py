"""The one safe fetch of a picture by URL; nothing else may open an address somebody sent us.

Each hop is parsed once, resolved once, and connects only to the addresses that were judged.
httpcore2, httpx2's lower half, has no proxies, cookies or redirects of its own, and takes the
connection as a parameter: so one deadline holds for every read, a dripping header included.
"""

import ipaddress
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import urljoin

import httpcore2
import httpx2
from httpcore2 import NetworkError, ProtocolError, TimeoutException

from lib.core.chat import Media
from lib.core.errors import BadInput, BlockedUrl, TooLarge
from lib.work.pictures import read_picture

Resolve = Callable[[str, int], list[str]]
Forbidden = Callable[[str], bool]

MAX_BYTES = 20_000_000
MAX_WIRE_BYTES = 21_000_000  # with the headers and framing of all hops
MAX_REDIRECTS = 3

_FIELD = "image_url"
_UPLOAD = "Download the picture yourself and upload the file."
_HEADERS = (
    ("Accept", "image/png, image/jpeg, image/webp, image/gif"),
    ("Accept-Encoding", "gzip, identity"),
    ("User-Agent", "picture-fetch/1.0"),
)
_URL = re.compile(r"https?://(\[[\da-f:.]+\]|[^\[\]@:/?#%]+)(:[1-9]\d*)?([/?#].*)?", re.A | re.I)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# Besides IPv6, what resolvers read as addresses, each in its own way: 127.1, 0x7f.1, 2130706433.
_LITERAL = re.compile(r".*:.*|(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")

# IANA's special-purpose blocks (`is_global` of older Pythons misses some) and Azure's metadata
# service. IPv6 is public in 2000::/3 alone, less Teredo and its like, documentation, 6to4, 6bone.
_SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 224.0.0.0/4
203.0.113.0/24 240.0.0.0/4
::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3ffe::/16 3fff::/20
"""
_REFUSED = [ipaddress.ip_network(block) for block in _SPECIAL.split()]


def is_forbidden(address: str) -> bool:
    """True unless the IP address, as a resolver writes it, is clearly a public unicast one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return True
    if not ip.is_global or any(ip in block for block in _REFUSED):
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return False
    return ip.scope_id is not None or (int(ip) >> 32) & 0xFDFFFFFF == 0x5EFE  # ISATAP


def resolve_name(host: str, port: int) -> list[str]:
    """Every address the system's resolver has for the name; OSError when there is none."""
    return list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port)))


def fetch_picture(
    url: str,
    *,
    resolve: Resolve = resolve_name,
    forbidden: Forbidden = is_forbidden,
    timeout_s: float = 15.0,
    now: Callable[[], float] = time.monotonic,
    tls: ssl.SSLContext | None = None,
) -> Media:
    """The picture behind a public http or https URL: 20 MB, 3 redirects, `timeout_s` in all.

    Raises BlockedUrl for what may not be fetched or does not resolve, TooLarge over 20 MB as sent
    or unpacked, BadInput when no picture comes. Messages never tell where an address led.
    """
    connector = _Connector(now, now() + timeout_s)
    target = _checked(url)
    try:
        for _ in range(MAX_REDIRECTS + 1):
            connector.addresses = _addresses(target, resolve, forbidden, connector.left())
            answer = _ask(target, connector, tls)
            if isinstance(answer, bytes):
                return read_picture(answer, _FIELD)
            target = _checked(answer, base=str(target))
    except (NetworkError, ProtocolError, TimeoutException, OSError, zlib.error):
        raise BadInput(f"{_FIELD}: the address did not answer properly.", _UPLOAD) from None
    raise BlockedUrl(f"{_FIELD}: the address redirects more than {MAX_REDIRECTS} times.")


@dataclass
class _Connector(httpcore2.SyncBackend):
    """One fetch: where it may connect to, and what is left of its time and bytes over all hops."""

    now: Callable[[], float]
    end: float
    addresses: list[str] = field(default_factory=list)
    received: int = 0

    def left(self) -> float:
        """Seconds, above 0; else TimeoutError."""
        left = self.end - self.now()
        if left <= 0:
            raise TimeoutError
        return left

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        """To the judged addresses in turn, whatever host is asked for; IPv6 may lead nowhere."""
        del host
        for waiting in range(len(self.addresses), 0, -1):
            share = self.left() / waiting
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return _Stream(super().connect_tcp(self.addresses[-waiting], port, share), self)
        raise httpcore2.ConnectError


@dataclass
class _Stream(httpcore2.NetworkStream):
    """A connection whose every step gets the time left, whatever timeout it is asked for."""

    inner: httpcore2.NetworkStream
    fetch: _Connector

    def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        data = self.inner.read(max_bytes, self.fetch.left())
        self.fetch.received += len(data)
        if self.fetch.received > MAX_WIRE_BYTES:
            raise _too_large()
        return data

    def write(self, buffer: bytes, *_: Any, **__: Any) -> None:
        self.inner.write(buffer, self.fetch.left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **__: Any
    ) -> httpcore2.NetworkStream:
        inner = self.inner.start_tls(ssl_context, server_hostname, self.fetch.left())
        return _Stream(inner, self.fetch)


def _checked(raw: str, base: str = "") -> httpx2.URL:
    """The URL, parsed once; all that follows is built from its parts. Raises BlockedUrl."""
    try:
        # Judged before joining, which quietly drops tabs and line ends.
        clean = raw.isprintable() and " " not in raw and "\\" not in raw
        joined = urljoin(base, raw)
        url, fits = httpx2.URL(joined), _URL.fullmatch(joined)
        if not clean or len(joined) > 2048 or not fits or (url.port or 0) > 65535:
            raise ValueError
        return url.copy_with(host=_host(url.raw_host.decode("ascii")))
    except (httpx2.InvalidURL, ValueError):
        raise _blocked() from None


def _host(host: str) -> str:
    """The host, a name without its final dot, which no certificate carries; else ValueError."""
    if _LITERAL.fullmatch(host):
        return str(ipaddress.ip_address(host))
    name = host.removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError
    return name


def _addresses(url: httpx2.URL, resolve: Resolve, forbidden: Forbidden, left: float) -> list[str]:
    """All the host resolves to. One message for «none» and «forbidden», lest it tell names."""
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        literal = [host] if _LITERAL.fullmatch(host) else None
        addresses = literal or _in_time(lambda: resolve(host, port), left)
    except (OSError, UnicodeError):
        raise _blocked() from None
    if not addresses or any(forbidden(address) for address in addresses):
        raise _blocked()
    return addresses


def _in_time(work: Callable[[], list[str]], seconds: float) -> list[str]:
    """The result, or TimeoutError: the system's resolver takes no timeout, so it gets a thread."""
    answer: Future[list[str]] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=run, name="resolve", daemon=True).start()
    return answer.result(timeout=seconds)


def _ask(url: httpx2.URL, connector: _Connector, tls: ssl.SSLContext | None) -> bytes | str:
    """One hop: the body, or the Location it redirects to."""
    if url.scheme == "https" and tls is None:
        tls = httpx2.create_ssl_context(trust_env=False)
    headers = [("Host", url.netloc.decode("ascii")), *_HEADERS]
    target = httpcore2.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    with (
        httpcore2.ConnectionPool(ssl_context=tls, network_backend=connector) as pool,
        pool.stream("GET", target, headers=headers) as response,
    ):
        fields = {name.lower(): value for name, value in response.headers}
        if response.status in (301, 302, 303, 307, 308) and b"location" in fields:
            return fields[b"location"].decode("utf-8", "replace")
        if response.status != 200:
            raise BadInput(f"{_FIELD}: the address answered with an error.", _UPLOAD)
        if int(fields.get(b"content-length", b"0")) > MAX_BYTES:
            raise _too_large()
        return _body(response.iter_stream(), b"gzip" in fields.get(b"content-encoding", b""))


def _body(chunks: Iterable[bytes], gzipped: bool) -> bytes:
    """The body, unpacked and bounded; in any other encoding it will not decode as a picture."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzipped else None
    body = bytearray()
    for chunk in chunks:
        body += unpacker.decompress(chunk, MAX_BYTES + 1 - len(body)) if unpacker else chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _blocked() -> BlockedUrl:
    return BlockedUrl(f"{_FIELD}: this does not lead to a public http or https address.")


def _too_large() -> TooLarge:
    return TooLarge(f"{_FIELD}: the picture is over 20 MB.", "Use a smaller picture.")
