"""Pictures that are something else as well, that promise more than they hold, or hold too much."""

import random
import struct
import zipfile
import zlib
from io import BytesIO

from PIL import Image

from tests.unit.pictures import png_header, saved, two_halves

SCRIPT = b"<script>alert(document.cookie)</script>"
PNG, JPEG, GIF, WEBP = (saved(two_halves(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP"))


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks: bytes) -> bytes:
    """The PNG with more chunks behind its header."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def with_segment(marker: int, data: bytes) -> bytes:
    """The JPEG with one more segment at its start."""
    return JPEG[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + JPEG[2:]


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    sides = ((side - 1).to_bytes(3, "little") for side in (width, height))
    return b"VP8X", bytes([flags, 0, 0, 0]) + b"".join(sides)


def archive(**entries: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in entries.items():
            packed.writestr(name, data)
    return out.getvalue()


def frames(count: int) -> bytes:
    """A GIF of so many frames of one pixel."""
    start = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return start + frame * count + b"\x3b"


def frame_beyond(width: int, height: int) -> bytes:
    """A GIF of one pixel whose first frame says it is larger."""
    start = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return start + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0;"


def animated(count: int) -> bytes:
    """A PNG that says it has so many frames."""
    return with_chunks(chunk(b"acTL", struct.pack(">II", count, 0)))


def jpeg_frame(width: int, height: int) -> bytes:
    return JPEG[:2] + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + JPEG[2:]


# Whole pictures with a passenger; each is the kind its first bytes say, and nothing else.
PASSENGERS = {
    "PNG and ZIP": ("png", PNG + archive(a=b"hello")),
    "PNG and HTML": ("png", PNG + SCRIPT),
    "PNG with a text of HTML": ("png", with_chunks(chunk(b"tEXt", b"Comment\0" + SCRIPT))),
    "PNG with XMP": ("png", with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SCRIPT))),
    "PNG of a thousand frames": ("png", animated(1000)),
    "JPEG with HTML in a comment": ("jpeg", with_segment(0xFE, SCRIPT)),
    "JPEG with PHP in EXIF": ("jpeg", with_segment(0xE1, b"Exif\0\0<?php system($_GET[0]); ?>")),
    "JPEG with a PDF in a comment": ("jpeg", with_segment(0xFE, b"%PDF-1.7\n1 0 obj")),
    "JPEG and ZIP": ("jpeg", JPEG + archive(a=b"hello")),
    "JPEG and HTML": ("jpeg", JPEG + SCRIPT),
    "GIF and script": ("png", GIF + b"/*" + SCRIPT + b"*/"),
    "GIF of 10,000 frames": ("png", frames(10_000)),
    "WebP with XMP": (
        "webp", riff(canvas(40, 20, 4), (WEBP[12:16], WEBP[20:]), (b"XMP ", SCRIPT))
    ),
    "WebP and ZIP": ("webp", WEBP + archive(a=b"hello")),
}  # fmt: skip

_NOISE = random.Random(1).randbytes(3_000)
BROKEN = {
    "nothing": b"",
    "GIF and script": b"GIF89a/*\0\0\0\0\0" + SCRIPT + b"*/=0;",
    "GIF of no frames": GIF[:13] + b"\x3b",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "SVG behind a declaration": b'<?xml version="1.0"?><!DOCTYPE svg><svg onload="alert(1)"/>',
    "HTML": b"<!doctype html>" + SCRIPT,
    "HTML before a PNG": SCRIPT + PNG,
    "PDF before a JPEG": b"%PDF-1.7\n" + JPEG,
    "ZIP before a PNG": archive(a=b"hello") + PNG,
    "noise as PNG": PNG[:33] + _NOISE,
    "noise as JPEG": JPEG[:4] + _NOISE,
    "noise as WebP": WEBP[:12] + _NOISE,
    "half a PNG": PNG[: len(PNG) // 2],
    "half a JPEG": JPEG[: len(JPEG) // 2],
    "half a GIF": GIF[: len(GIF) // 2],
    "half a WebP": WEBP[: len(WEBP) // 2],
    "PNG without data": PNG[:33] + chunk(b"IEND", b""),
    "PNG of no width": png_header(0, 9, chunk(b"IDAT", b"") + chunk(b"IEND", b"")),
    "PNG with a profile bomb": with_chunks(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**8)))),
    "BMP": saved(two_halves(), "BMP"),
    "ICO": saved(two_halves(), "ICO"),
    "TIFF": saved(two_halves(), "TIFF"),
    "PPM": saved(two_halves(), "PPM"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file",
    "AVIF": b"\0\0\0\x1cftypavif" + bytes(40),
}
TOO_LARGE = {
    "PNG of 4 gigapixels": png_header(65_535, 65_535, chunk(b"IDAT", b"")),
    "PNG of most pixels": png_header(2**31 - 1, 2**31 - 1, chunk(b"IDAT", b"")),
    "PNG one row too tall": png_header(1, 50_000_001, chunk(b"IDAT", b"")),
    "PNG that is really there": saved(Image.new("1", (8_000, 6_251)), "PNG"),
    "JPEG of 4 gigapixels": jpeg_frame(65_535, 65_535),
    "GIF of 4 gigapixels": b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + GIF[10:],
    "GIF with a larger frame": frame_beyond(65_535, 65_535),
    "WebP of 268 megapixels": riff(canvas(16_384, 16_384), (WEBP[12:16], WEBP[20:])),
}
_TEXT_BOMB = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(10**7)))
_EXIF = b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
# Read or refused, but soon and in our own words.
ODD = {
    "PNG with text bombs": with_chunks(*[_TEXT_BOMB] * 9),
    "PNG with two headers": PNG[:33] + png_header(60_000, 60_000)[8:33] + PNG[33:],
    "PNG with a late header": PNG[:8] + chunk(b"tEXt", b"a\0b" * 9) + PNG[8:],
    "PNG with a million chunks": with_chunks(chunk(b"teXt", b"") * 1_000_000),
    "PNG of endless frames": animated(2**31 - 1),
    "PNG with data for more": with_chunks(chunk(b"IDAT", zlib.compress(bytes(10**8), 9))),
    "JPEG of 10,000 scans": JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 10_000 + JPEG[-2:],
    "JPEG of a million comments": JPEG[:2] + b"\xff\xfe\x00\x02" * 1_000_000 + JPEG[2:],
    "JPEG with EXIF in a circle": with_segment(
        0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    ),
    "JPEG of a thousand EXIFs": JPEG[:2] + _EXIF * 1_000 + JPEG[2:],
    "GIF of many comments": GIF[:-1] + b"\x21\xfe\x01a\0" * 1_000_000 + b"\x3b",
    "GIF of many comments before": GIF[:19] + b"\x21\xfe\x01a\0" * 3_000_000 + GIF[19:],
    "GIF with a long comment": GIF[:19] + b"\x21\xfe" + b"\x01a" * 9_000_000 + b"\0" + GIF[19:],
    "GIF with an endless extension": GIF[:13] + b"\x21\xff" + b"\xff" + b"a" * 5_000_000,
    "WebP with a smaller canvas": riff(canvas(1, 1), (WEBP[12:16], WEBP[20:])),
    "WebP in a WebP": riff((b"VP8X", canvas(40, 20)[1]), (b"ANMF", bytes(16) + WEBP[12:])),
}  # fmt: skip
