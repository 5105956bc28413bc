"""Pictures, sound, films and PDFs read by what their bytes say, never by a name or a header.

Pure: bytes in, `Media` out. Sizes come from the file's own header before anything is decoded.
"""

import re
from io import BytesIO

from PIL import Image, ImageOps

from lib.core.chat import Media
from lib.core.errors import AppError, BadInput, TooLarge
from lib.core.picture_header import Kind, header_pixels

MAX_PIXELS = 50_000_000
JPEG_QUALITY = 90

_PICTURES = "PNG, JPEG, WebP or GIF"
_ACCEPTED = (
    f"pictures ({_PICTURES}), PDF, sound (WAV, MP3, OGG, FLAC, M4A, AAC) "
    "and films (MP4, MOV, WebM, AVI, MPEG)"
)
_MIMES: dict[Kind, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
_HEIC_BRANDS = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}
_FTYP_MIMES = {"m4a": "audio/mp4", "m4b": "audio/mp4", "qt": "video/quicktime", "3gp": "video/3gpp"}
# A layer III frame has neither a free or reserved bit rate nor a reserved sample rate.
_MP3_RATES = bytes(byte for byte in range(0x10, 0xF0) if byte & 0x0C != 0x0C)
_PATTERNS = (
    (rb"RIFF.{4}WAVE", "audio/wav"),
    (rb"RIFF.{4}AVI ", "video/avi"),
    (rb"fLaC", "audio/flac"),
    (rb"OggS\x00", "audio/ogg"),
    (rb"ID3[\x02-\x04].{2}[\x00-\x7f]{4}", "audio/mp3"),
    (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][" + re.escape(_MP3_RATES) + rb"]", "audio/mp3"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
    (rb"\x1aE\xdf\xa3", "video/webm"),
    (rb"\x00\x00\x01[\xb3\xba]", "video/mpeg"),
    (rb"[\x00-\x1f].{3}(moov|mdat|wide)", "video/quicktime"),
)


def read_picture(data: bytes, field: str = "image") -> Media:
    """A PNG, JPEG, WebP or GIF, decoded once and turned upright by its EXIF orientation.

    The bytes stay as they are unless the picture had to be turned, or is a GIF or an animation:
    those become a PNG of the first frame. Raises TooLarge over 50 megapixels, and BadInput,
    naming `field`, for everything that is no whole picture.
    """
    kind = _picture_kind(data)
    if kind is None:
        raise _unreadable(data, field)
    image = _decode(kind, data, field)
    still = kind == "JPEG" or (kind != "GIF" and not getattr(image, "is_animated", False))
    turned = _orientation(image) != 1
    if still and not turned:
        return Media(_MIMES[kind], data)
    try:
        return _encode(
            ImageOps.exif_transpose(image) if turned else image, kind if still else "PNG"
        )
    except Exception:
        raise _broken(field) from None


def shrink(picture: Media, longest: int = 1536) -> Media:
    """The picture with its longer side at most `longest` pixels; unchanged when it is smaller.

    With transparency or a palette it becomes a PNG, else a JPEG. For what `read_picture` gave.
    """
    kind = _picture_kind(picture.data)
    if kind is None:
        raise _unreadable(picture.data, "image")
    image = _decode(kind, picture.data, "image")
    if max(image.size) <= longest:
        return picture
    lossless = image.has_transparency_data or image.mode in ("P", "1")
    small = _full_colour(image)
    if small.mode != image.mode:  # The colour profile describes the old mode.
        small.info.pop("icc_profile", None)
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encode(small, "PNG" if lossless else "JPEG")


def read_media(data: bytes, field: str = "file") -> Media:
    """Any file a model may read: a picture as in `read_picture`, else sound, film or PDF as it is.

    Sound, film and PDF are told by their first bytes only; the model's server decodes them.
    Raises BadInput, naming `field` and what is accepted, for anything else.
    """
    if _picture_kind(data) is not None:
        return read_picture(data, field)
    mime = _other_mime(data)
    if mime is None:
        raise _unreadable(data, field, _ACCEPTED)
    return Media(mime, data)


def pixels_of(data: bytes) -> int:
    """How many pixels a picture's header promises; 0 for what is no picture."""
    kind = _picture_kind(data)
    return (header_pixels(kind, data) or 0) if kind else 0


def _picture_kind(data: bytes) -> Kind | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _other_mime(data: bytes) -> str | None:
    brand = _brand(data)
    if brand:
        return None if brand in _HEIC_BRANDS else _FTYP_MIMES.get(brand[:3], "video/mp4")
    for pattern, mime in _PATTERNS:
        if re.match(pattern, data, re.DOTALL):
            return mime
    # An archive or a page may hold a PDF near its start and is none.
    if b"%PDF-" in data[:1024] and not data.startswith((b"PK", b"<")):
        return "application/pdf"
    return None


def _brand(data: bytes) -> str:
    return data[8:12].decode("latin-1").strip().lower() if data[4:8] == b"ftyp" else ""


def _decode(kind: Kind, data: bytes, field: str) -> Image.Image:
    """The first frame in memory. Pillow gets to see nothing before the header's size is checked."""
    pixels = header_pixels(kind, data)
    if pixels is None:
        raise _broken(field)
    if pixels > MAX_PIXELS:
        raise _too_large(field)
    try:
        image = Image.open(BytesIO(data), formats=[kind])
        if image.width * image.height > pixels:
            raise _broken(field)
        image.load()
    except AppError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(field) from None
    except Exception:  # Broken bytes make Pillow raise nearly anything; its text is not ours.
        raise _broken(field) from None
    if kind == "PNG" and b"IEND" not in data:  # Pillow does not mind a missing end.
        raise _broken(field)
    return image


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 when there is none, or when the EXIF block is broken."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # A broken EXIF block is no reason to refuse a whole picture.
        return 1
    return value if value in range(1, 9) else 1


def _full_colour(image: Image.Image) -> Image.Image:
    """A mode that can be scaled smoothly and saved as PNG and JPEG."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.copy() if image.mode in ("L", "RGB") else image.convert("RGB")


def _encode(image: Image.Image, kind: Kind) -> Media:
    out = BytesIO()
    profile = image.info.get("icc_profile")
    image.save(out, kind, quality=JPEG_QUALITY, icc_profile=profile)
    return Media(_MIMES[kind], out.getvalue())


def _broken(field: str) -> BadInput:
    return BadInput(f"{field}: the picture is damaged or cut short.", "Save it again and resend.")


def _too_large(field: str) -> TooLarge:
    return TooLarge(f"{field}: the picture has more than 50 megapixels.", "Send a smaller picture.")


def _unreadable(data: bytes, field: str, accepted: str = _PICTURES) -> BadInput:
    if not data:
        return BadInput(f"{field}: the file is empty.", "Choose a file with something in it.")
    if _brand(data) in _HEIC_BRANDS:
        return BadInput(
            f"{field}: HEIC and AVIF pictures cannot be read.", "Convert it to JPEG or PNG."
        )
    return BadInput(
        f"{field}: not a file that can be read here; accepted are {accepted}.",
        "Send one of these; what counts is the content, not the name.",
    )
