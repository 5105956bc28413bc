"""Small real pictures for the tests."""

import io

from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), turned: int | None = None) -> bytes:
    """A red picture's bytes; `turned` is an EXIF orientation."""
    out = io.BytesIO()
    image = Image.new("RGB", size, "red")
    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    image.save(out, kind, **({"exif": exif} if turned else {}))
    return out.getvalue()
