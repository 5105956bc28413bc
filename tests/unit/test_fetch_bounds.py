"""The fetch of a picture is bounded in size and time, and takes nothing but a picture."""

import gzip
import time

import pytest

from lib.core.errors import AppError, BadInput, BlockedUrl, TooLarge
from lib.work.fetch import fetch_picture
from tests.unit.picture_site import PNG, Site, drip, redirect, send, serving

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
