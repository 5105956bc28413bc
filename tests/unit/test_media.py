"""Media are judged by content: bombs, damage and other files are refused, the rest is named."""

import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from lib.core.chat import Media
from lib.core.errors import BadInput, TooLarge
from lib.core.media import read_media, read_picture
from tests.unit.pictures import png_header, saved, two_halves

WIDE, HIGH = 10_000, 6_000
FRAME = b"\x03\x01\x11\0\x02\x11\x01\x03\x11\x01\xff\xd9"
SIXTY_MEGAPIXELS = {
    "png": png_header(WIDE, HIGH),
    "png of 10 gigapixels": png_header(100_000, 100_000),
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", HIGH, WIDE) + FRAME,
    "gif": b"GIF89a" + struct.pack("<HH", WIDE, HIGH) + b"\0" * 9,
    "gif frame beyond its screen": b"GIF89a\x01\0\x01\0\x80\0\0" + b"\0" * 6
    + b"," + struct.pack("<HHHHB", 0, 0, WIDE, HIGH, 0) + b"\x02\x02\x44\x01\0;",
    "webp canvas": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    + (WIDE - 1).to_bytes(3, "little") + (HIGH - 1).to_bytes(3, "little"),
    "webp lossy": b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a"
    + struct.pack("<HH", WIDE, HIGH),
    "webp lossless": b"RIFF\x11\0\0\0WEBPVP8L\x05\0\0\0\x2f"
    + struct.pack("<I", WIDE - 1 | HIGH - 1 << 14),
}  # fmt: skip


@pytest.mark.parametrize("data", SIXTY_MEGAPIXELS.values(), ids=SIXTY_MEGAPIXELS)
def test_over_50_megapixels_is_too_large_by_its_header_alone(data: bytes) -> None:
    """A few bytes that promise 60 megapixels are refused at once, without decoding."""
    start = time.perf_counter()
    with pytest.raises(TooLarge, match=r"photo: .*50 megapixels"):
        read_picture(data, "photo")

    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("scans", [200, 20_000])
def test_a_bomb_of_jpeg_scans_is_refused_at_once(scans: int) -> None:
    """Hundreds of tiny scans would make the decoder go over the whole picture as often."""
    data = saved(Image.new("L", (2_000, 2_000)), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    bomb = data[:-2] + last_scan * scans + b"\xff\xd9"
    start = time.perf_counter()
    with pytest.raises(BadInput):
        read_picture(bomb)

    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    """A picture that ends early is bad input, named by its field, in our own words."""
    data = saved(Image.effect_noise((60, 60), 90).convert("RGB"), kind)
    with pytest.raises(BadInput) as caught:
        read_picture(data[: int(len(data) * share)], "photo")

    assert type(caught.value) is BadInput
    assert str(caught.value) == "photo: the picture is damaged or cut short."
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


TEXT_BOMB = b"iCCPx\x00\x00" + zlib.compress(b"\x00" * 80_000_000, 9)
NO_PICTURES = {
    "empty": b"",
    "text": b"hello",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "gif and html": b"GIF89a<html><script>alert(1)</script></html>",
    "png and html": b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
    "jpeg and php": b"\xff\xd8\xff<?php system('id'); ?>",
    "riff and html": b"RIFF\x10\x00\x00\x00WEBP<html></html>",
    "tiff": saved(two_halves(), "TIFF"),
    "jpeg2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 40,
    "png of no size": png_header(0, 10, b"\x00" * 4 + b"IEND\xaeB`\x82"),
    "png with a colour profile bomb": png_header(
        9, 9, struct.pack(">I", len(TEXT_BOMB) - 4) + TEXT_BOMB + struct.pack(">I", 0)
    ),
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES)
@pytest.mark.parametrize("read", [read_picture, read_media])
def test_what_is_no_picture_is_refused(read: Any, data: bytes) -> None:
    """Other formats, headers with something else behind them and bombs are bad input."""
    with pytest.raises(BadInput) as caught:
        read(data, "photo")

    assert str(caught.value).startswith("photo: ")


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
@pytest.mark.parametrize("read", [read_picture, read_media])
def test_heic_is_refused_with_what_to_do(read: Any, brand: bytes) -> None:
    """An iPhone's HEIC is refused with the advice to convert it to JPEG or PNG."""
    with pytest.raises(BadInput, match="HEIC") as caught:
        read(b"\x00\x00\x00\x18ftyp" + brand + b"\x00" * 16)

    assert "JPEG or PNG" in caught.value.hint


MEDIA = {
    "application/pdf": [b"%PDF-1.7\n", b"\n" * 1000 + b"%PDF-1.4\n"],
    "audio/mp3": [b"ID3\x04\0\0\0\0\x01\x7f", b"\xff\xfb\x90\x64\0", b"\xff\xf3\x48\xc4\0"],
    "audio/wav": [b"RIFF\x24\x0a\0\0WAVEfmt "], "audio/aac": [b"\xff\xf1\x50\x80\0"],
    "audio/ogg": [b"OggS\0\x02"], "audio/flac": [b"fLaC\0\0"],
    "audio/mp4": [b"\0\0\0\x20ftypM4A \0"], "video/3gpp": [b"\0\0\0\x18ftyp3gp5\0"],
    "video/mp4": [b"\0\0\0\x20ftypisom\0", b"\0\0\0\x20ftypmp42\0"],
    "video/quicktime": [b"\0\0\0\x14ftypqt  \0", b"\0\0\0\x08wide\0\0"],
    "video/webm": [b"\x1aE\xdf\xa3\x9fB\x86"], "video/avi": [b"RIFF\x0a\x0a\x0a\x0aAVI LIST"],
    "video/mpeg": [b"\0\0\x01\xba\x44"],
}  # fmt: skip


@pytest.mark.parametrize(("mime", "data"), [(m, data) for m in MEDIA for data in MEDIA[m]])
def test_sound_film_and_pdf_are_told_by_their_first_bytes(mime: str, data: bytes) -> None:
    """Each kind gets the type the models' servers know it by, its bytes unchanged."""
    assert read_media(data) == Media(mime, data)
    with pytest.raises(BadInput, match="PNG, JPEG, WebP or GIF"):
        read_picture(data)


UNKNOWN = [
    b"\xff\xfe" + "The text".encode("utf-16-le"),  # its byte order mark looks like MP3's sync
    b"\xff\xfb\xff\x00", b"ID3 is an old algorithm", b"The wide world", b"a,b\n1,2\n",
    b"PK\x03\x04\x14\x00a.pdf%PDF-1.4", b"<html>%PDF-1.4", b" " * 1100 + b"%PDF-1.4", b"\x00" * 64,
]  # fmt: skip


@pytest.mark.parametrize("data", UNKNOWN)
def test_unknown_files_are_refused_with_what_is_accepted(data: bytes) -> None:
    """Text, archives and pages are refused; the message names the field and what is accepted."""
    with pytest.raises(BadInput, match=r"clip: .*pictures.*PDF.*sound.*films"):
        read_media(data, "clip")


def test_many_threads_read_at_once() -> None:
    """Reading is safe from many threads: good pictures pass and bombs fail, all at once."""
    good = saved(two_halves(), "GIF")

    def work(number: int) -> str:
        if number % 2:
            return read_picture(good).mime
        with pytest.raises(TooLarge):
            read_picture(SIXTY_MEGAPIXELS["png"])
        return "refused"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(400)))

    assert outcomes == ["refused", "image/png"] * 200
