"""How many pixels a picture promises, read from its own header before anything is decoded.

Pure. A picture may also be made of so many pieces that a decoder takes minutes to step over them,
whatever its size; each walk here stops at a number of pieces that no camera or program reaches.
"""

import re
from typing import Literal

Kind = Literal["PNG", "JPEG", "WEBP", "GIF"]

# Pillow takes 3 to 7 µs for each. A PNG of 50 megapixels in chunks of 8 kB has 20,000.
MAX_PIECES = 50_000
# libjpeg repeats the whole picture for every scan, and an empty scan costs an attacker 10 bytes.
MAX_JPEG_SCANS = 100
MAX_JPEG_MARKERS = 5_000
MAX_JPEG_EXIFS = 16  # Pillow copies all it has so far for each: 3,000 took six minutes

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def header_pixels(kind: Kind, data: bytes) -> int | None:
    """Width times height by the header; None for a bomb of pieces."""
    if kind == "PNG":
        return _png_pixels(data)
    if kind == "GIF":
        return _gif_pixels(data)
    return _webp_pixels(data) if kind == "WEBP" else _jpeg_pixels(data)


def _png_pixels(data: bytes) -> int | None:
    """By the largest header: nothing keeps a PNG from having another one further on."""
    position, pixels = 8, 0
    for _ in range(MAX_PIECES):
        kind = data[position + 4 : position + 8]
        if kind in (b"IEND", b""):
            return pixels
        if kind == b"IHDR":
            width, height = data[position + 8 : position + 12], data[position + 12 : position + 16]
            pixels = max(pixels, _number(width, "big") * _number(height, "big"))
        position += 12 + _number(data[position : position + 4], "big")
    return None


def _gif_pixels(data: bytes) -> int | None:
    """By the first frame where it is larger than the picture.

    An extension is a list of blocks that an empty one ends; they are counted up to that frame.
    """
    palette = _number(data[10:11])
    pixels = _number(data[6:8]) * _number(data[8:10])
    position = 13 + (3 << (palette & 7) + 1 if palette & 0x80 else 0)
    in_extension = False
    for _ in range(MAX_PIECES):
        byte = _number(data[position : position + 1])
        position += 1
        if in_extension:
            position += byte
            in_extension = byte > 0
        elif byte == _EXTENSION:
            position += 1
            in_extension = True
        elif byte == _IMAGE:
            left, top, width, height = (
                _number(data[at : at + 2]) for at in range(position, position + 8, 2)
            )
            return max(pixels, (left + width) * (top + height))
        elif byte == _TRAILER or position > len(data):
            return pixels
    return None


def _webp_pixels(data: bytes) -> int:
    """Canvas size by RFC 9649, sections 2.5 to 2.7; 0 where the chunk is unknown."""
    chunk = data[12:16]
    if chunk == b"VP8 ":
        return (_number(data[26:28]) & 0x3FFF) * (_number(data[28:30]) & 0x3FFF)
    if chunk == b"VP8L":
        bits = _number(data[21:25])
        return ((bits & 0x3FFF) + 1) * (((bits >> 14) & 0x3FFF) + 1)
    return (_number(data[24:27]) + 1) * (_number(data[27:30]) + 1) if chunk == b"VP8X" else 0


def _jpeg_pixels(data: bytes) -> int | None:
    """Width times height of the largest frame header; None for a bomb of scans or markers."""
    position, pixels, scans, exifs = 2, 0, 0, 0
    for _ in range(MAX_JPEG_MARKERS):
        marker = _JPEG_MARKER.search(data, position)
        code = marker.group()[1] if marker else 0xD9
        if marker is None or code == 0xD9:
            return pixels
        position = marker.end()
        scans += code == 0xDA
        exifs += code == 0xE1 and data[position + 2 : position + 6] == b"Exif"
        if scans > MAX_JPEG_SCANS or exifs > MAX_JPEG_EXIFS:
            return None
        if code in _JPEG_SIZES:
            height, width = data[position + 3 : position + 5], data[position + 5 : position + 7]
            pixels = max(pixels, _number(height, "big") * _number(width, "big"))
        if code not in (0x01, 0xD8):
            position += _number(data[position : position + 2], "big")
    return None


def _number(raw: bytes, order: Literal["little", "big"] = "little") -> int:
    return int.from_bytes(raw, order)
