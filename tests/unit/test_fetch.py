"""The fetch of a picture by URL reaches public addresses only, within its bounds."""

import gzip
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from lib.core.chat import Media
from lib.core.errors import AppError, BadInput, BlockedUrl, TooLarge
from lib.work.fetch import fetch_picture, is_forbidden

Reply = Callable[["Handler"], None]


def png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(out, "PNG")
    return out.getvalue()


PNG = png()


class Handler(BaseHTTPRequestHandler):
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


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


V4 = """127.0.0.1 127.255.255.254 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1
0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 100.64.0.1 100.100.100.200 100.127.255.255 192.0.0.1
192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16""".split()  # noqa: SIM905
V6 = """:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:a9fe:a9fe ::ffff:8.8.8.8
::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::
2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3ffe::1 3fff::1 5f00::1
fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 fe80::5efe:7f00:1 febf::1 fec0::1 ff02::1 ff0e::1
2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1 4000::1 0:0:0:0:0:0:0:1""".split()  # noqa: SIM905
SPELLINGS = [
    "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/",
    "http://127.0.1/", "http://0x7f.1/", "http://0x7f.0.0.1/", "http://127.0.0.0x1/",
    "http://0177.0.0.1/", "http://127.000.000.001/", "http://127.0.0.1./", "http://127.0.0.01/",
    "http://1/", "http://0/", "http://0x/", "http://127.0.0.256/", "http://1.2.3.4.5/",
    "http://127。0。0。1/", "http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/", "http://0xA9FEA9FE/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[v1.x]/", "http://[127.0.0.1]/", "http://[::1/", "http://::1/", "http://[::1]x/",
    "https://127.0.0.1/", "HTTP://127.0.0.1/", "http://a@127.0.0.1/", "http://8.8.8.8@127.0.0.1/",
    "http://user:word@8.8.8.8/", "http://127.0.0.1#@8.8.8.8/", "http://8.8.8.8\\@127.0.0.1/",
    "http://127.0.0.1\\.example.org/", "http:127.0.0.1", "http:/127.0.0.1/", "http:///127.0.0.1/",
    "//127.0.0.1/", "127.0.0.1", "", "http://", "http:///", "http://.", "http://..", "http://a..b/",
    "http://?x", "http://a b/", " http://8.8.8.8/", "http://8.8.8.8/ ", "http://8.8.8.8/\n",
    "http://8.8.8.8/\r\nHost: x", "http://8.8.8.8\t/", "http://8.8.8.8/\x00", "http://8.8.8.8/\u2028",
    "http://8.8.8.8:0/", "http://8.8.8.8:65536/", "http://8.8.8.8:-1/", "http://8.8.8.8:80:80/",
    "http://8.8.8.8:x/", "http://8.8.8.8:８０/", "http://8.8.8.8:" + "9" * 1900, "http://8.8.8.8:+80/",
    "http://8.8.8.8/" + "a" * 2048, "http://" + "a" * 64 + ".example/", "http://exa$mple.org/",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://8.8.8.8/a.png", "gopher://8.8.8.8/",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "ws://8.8.8.8/", "unix:/run/docker.sock",
    "dict://8.8.8.8:11211/", "httpſ://127.0.0.1/", "ht\ttp://8.8.8.8/", "http+unix://x/",
]  # fmt: skip
URLS = [f"http://{a}/" for a in V4] + [f"http://[{a}]/" for a in V6] + SPELLINGS


@pytest.mark.parametrize("url", URLS)
def test_a_forbidden_address_is_blocked_in_every_spelling(url: str) -> None:
    """Private, special and oddly spelt addresses are blocked before any look-up or connection."""
    with pytest.raises(BlockedUrl) as caught:
        fetch_picture(url, resolve=never)

    assert str(caught.value) == "image_url: this does not lead to a public http or https address."


@pytest.mark.parametrize("address", [*V4, *V6, "fe80::1%eth0", "2606:4700::1%1", "", "localhost"])
def test_what_is_not_clearly_public_is_forbidden(address: str) -> None:
    """The judge of addresses refuses special blocks, embedded IPv4, scopes and non-addresses."""
    assert is_forbidden(address)
    with pytest.raises(BlockedUrl):
        fetch_picture("http://name.example/", resolve=lambda *_: ["8.8.8.8", address])


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    """Ordinary addresses, also right beside private blocks, are not forbidden."""
    assert not is_forbidden(address)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "no-such-name.invalid"])
def test_the_systems_own_resolver_is_judged_too(name: str) -> None:
    """Names for this machine and names that do not exist are blocked alike."""
    with pytest.raises(BlockedUrl):
        fetch_picture(f"http://{name}/")


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("label too long")])
def test_a_name_without_addresses_is_blocked(answer: Any) -> None:
    """A resolver's failure of any kind is a blocked address."""

    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    with pytest.raises(BlockedUrl):
        fetch_picture("http://name.example/", resolve=resolve)


def test_a_picture_comes_back_and_nothing_of_us_goes_out(site: Site, monkeypatch: Any) -> None:
    """The picture is read by content; the request carries the name asked for and no secrets."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.replies["/a?b=%20c"] = send(Content_Type="text/plain", Set_Cookie="a=b")
    media = site.fetch(
        f"http://Name.Example.:{site.port}/a?b=%20c#d", resolve=lambda *_: ["127.0.0.1"]
    )

    assert media == Media("image/png", PNG)
    assert set(site.seen[0]) == {"path", "host", "accept", "accept-encoding", "user-agent"}
    assert site.seen[0]["host"] == f"name.example:{site.port}"


def test_each_hop_is_looked_up_once_and_reached_where_it_was_judged(site: Site) -> None:
    """A resolver that answers «private» the second time changes nothing: there is no second."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if asked.count(host) == 1 else ["10.0.0.1"]

    site.replies |= {"/": redirect(f"http://two.example:{site.port}/x"), "/x": send()}

    assert site.fetch(f"http://one.example:{site.port}/", resolve=rebinding).data == PNG
    assert asked == ["one.example", "two.example"]
    site.replies["/"] = redirect("/x")
    asked.clear()
    with pytest.raises(BlockedUrl):
        site.fetch(f"http://one.example:{site.port}/", resolve=rebinding)


def test_a_dead_address_is_passed_over_for_a_living_one(site: Site) -> None:
    """Of several judged addresses the first that answers is used, as with IPv6 gone."""
    site.replies["/"] = send()
    url, addresses = f"http://name.example:{site.port}/", ["::1", "127.0.0.2", "127.0.0.1"]

    assert site.fetch(url, resolve=lambda *_: addresses, forbidden=lambda _: False).data == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_without_cookies(site: Site, status: int) -> None:
    """Three redirects of any kind, relative ones too, lead to the picture; no cookie is kept."""
    for path, target in {"/": "/1", "/1": f"{site.base}/2", "/2": "?3"}.items():
        site.replies[path] = send(b"", status, Location=target, Set_Cookie="a=b")
    site.replies["/2?3"] = send()

    assert site.fetch("/").data == PNG
    assert not any("cookie" in request for request in site.seen)


def test_more_than_three_redirects_are_blocked(site: Site) -> None:
    """A chain of four and a loop end as a blocked address after four requests."""
    site.replies |= {f"/{n}": redirect(f"/{n + 1}") for n in range(4)}
    site.replies |= {"/4": send(), "/loop": redirect("/loop")}
    for path in ("/0", "/loop"):
        site.seen.clear()
        with pytest.raises(BlockedUrl, match="redirects more than 3 times"):
            site.fetch(path)

        assert len(site.seen) == 4


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/", "//10.0.0.1/x", "http://[::1]/", "file:///etc/passwd",
     "ftp://8.8.8.8/", "http://2130706433/", "http://a:b@8.8.8.8/", "http://127.0.0.1\\@8.8.8.8/",
     "\thttp://8.8.8.8/", "http://[", "http://\xff\xfe/", "https:///x", "http://localhost/"],
)  # fmt: skip
def test_a_redirect_is_judged_like_the_first_address(site: Site, location: str) -> None:
    """A redirect to a forbidden address, scheme or spelling is blocked; the message hides it."""
    site.replies["/"] = redirect(location)
    with pytest.raises(BlockedUrl) as caught:
        site.fetch("/", forbidden=lambda address: address != "127.0.0.1" or len(site.seen) > 0)

    assert str(caught.value) == "image_url: this does not lead to a public http or https address."
    assert len(site.seen) == 1


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = {"Content_Encoding": "gzip"}
TOO_LARGE = {
    "announced": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 20000001\r\n\r\n", b"", 1.0, 1),
    "sent": send(PNG + b"\x00" * 20_000_001, length=False),
    "in chunks": drip(ENDLESS, b"100000\r\n" + b"\x00" * 0x100000 + b"\r\n", 0.0, 99),
    "unpacked": send(gzip.compress(b"\x00" * 200_000_000, 1), **GZIPPED),
    "before the answer": drip(
        b"", b"HTTP/1.1 103 H\r\nA: " + b"a" * 60_000 + b"\r\n\r\n", 0.0, 999
    ),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_over_20_mb_is_too_large(site: Site, case: str) -> None:
    """Announced, sent, chunked, unpacked or sent ahead: over 20 MB is refused, and soon."""
    site.replies["/"] = TOO_LARGE[case]
    start = time.monotonic()
    with pytest.raises(TooLarge, match="20 MB"):
        site.fetch()

    assert time.monotonic() - start < 3


def test_a_gzipped_picture_is_unpacked(site: Site) -> None:
    """An answer packed with gzip is as good as a plain one."""
    site.replies["/"] = send(gzip.compress(PNG), **GZIPPED)

    assert site.fetch().data == PNG


OK = b"HTTP/1.1 200 OK\r\n"
EMPTY_DEFLATE = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 2
SLOW = {
    "silence": drip(b"", b"", 0.1),
    "headers": drip(OK + b"X: ", b"a"),
    "hints": drip(b"", b"HTTP/1.1 103 Early\r\n\r\n"),
    "body": drip(OK + b"\r\n", b"a"),
    "chunk": drip(ENDLESS + b"1;", b"a"),
    "gzip": drip(OK + b"Content-Encoding: gzip\r\n\r\n" + EMPTY_DEFLATE, b"\x00\x00\x00\xff\xff"),
    "redirects": lambda handler: (time.sleep(0.2), redirect("/")(handler))[1],
}


@pytest.mark.parametrize("case", SLOW)
def test_the_time_bound_holds_for_the_whole_fetch(site: Site, case: str) -> None:
    """However the answer drips, be it its headers, the fetch ends when its time is over."""
    site.replies["/"] = SLOW[case]
    start = time.monotonic()
    with pytest.raises(BadInput, match="did not answer"):
        site.fetch(timeout_s=0.5)

    assert 0.3 < time.monotonic() - start < 1.0


def test_a_slow_resolver_counts_too() -> None:
    """A name server that never answers costs no more than the time there is."""
    start = time.monotonic()
    with pytest.raises(BlockedUrl):
        fetch_picture("http://slow.example/", resolve=lambda *_: time.sleep(5) or [], timeout_s=0.2)

    assert time.monotonic() - start < 1.0


BAD = {
    "not found": send(status=404), "error": send(status=500), "no content": send(b"", 204),
    "part": send(status=206), "not modified": send(b"", 304), "no target": send(b"", 302),
    "upgrade": send(b"", 101, length=False), "html": send(b"<html></html>"), "empty": send(b""),
    "pdf": send(b"%PDF-1.7"), "damaged": send(PNG[:40]), "broken gzip": send(PNG, **GZIPPED),
    "unasked encoding": send(b"\x01\x02", Content_Encoding="br"),
    "no http": drip(b"SSH-2.0\r\n", b"", 0.0, 1), "hang-up": drip(b"", b"", 0.0, 1),
    "cut off": drip(OK + b"Content-Length: 99\r\n\r\nabc", b"", 0.0, 1),
    "endless length": drip(OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"", 0.0, 1),
    "bad length": drip(OK + b"Content-Length: -5\r\n\r\n", b"", 0.0, 1),
    "endless header": drip(OK, b"X: " + b"a" * 9_000 + b"\r\n", 0.0, 99),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_an_answer_that_is_no_picture_is_bad_input(site: Site, case: str) -> None:
    """Other statuses, pages, broken answers and hang-ups are bad input in our own words."""
    site.replies["/"] = BAD[case]
    with pytest.raises(AppError) as caught:
        site.fetch()

    assert type(caught.value) is BadInput
    assert str(caught.value).startswith("image_url: ")
    assert "127.0.0.1" not in str(caught.value) + caught.value.hint


def test_a_refused_connection_is_bad_input() -> None:
    """Nothing listening is bad input with the advice to upload the file."""
    with serving() as gone:
        pass
    with pytest.raises(BadInput, match="did not answer") as caught:
        gone.fetch()

    assert type(caught.value) is BadInput
    assert "upload" in caught.value.hint


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


def test_tls_holds_the_judged_address_to_the_name_asked_for(tmp_path: Path) -> None:
    """The certificate must be trusted and carry the URL's name, though an address is dialled."""
    pem = certificate("right.example", tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=pem)
    with serving(server) as site:
        site.replies["/"] = send()

        def ask(name: str, tls: ssl.SSLContext | None) -> Media:
            url = f"https://{name}:{site.port}/"
            return site.fetch(url, resolve=lambda *_: ["127.0.0.1"], tls=tls)

        assert ask("right.example.", trusting).data == PNG
        for name, tls in (
            ("wrong.example", trusting),
            ("127.0.0.1", trusting),
            ("right.example", None),
        ):
            with pytest.raises(BadInput, match="did not answer"):
                ask(name, tls)
