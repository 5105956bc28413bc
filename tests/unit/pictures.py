"""Small real pictures, and the head of a PNG that promises more than it has."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

from lib.core.chat import Media

RED, BLUE = (220, 10, 10), (10, 10, 220)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def two_halves(width: int = 40, height: int = 20) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    return image


def opened(media: Media) -> Image.Image:
    return Image.open(BytesIO(media.data))


def is_red(pixel: Any) -> bool:
    return pixel[0] > 150 and pixel[2] < 100


def png_header(width: int, height: int, rest: bytes = b"") -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + crc + rest
