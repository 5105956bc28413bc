"""Pictures are passed on whole and upright, in a kind and a size that models take."""

from typing import Any

import pytest
from PIL import Image

from lib.core.chat import Media
from lib.core.media import read_media, read_picture, shrink
from tests.unit.pictures import is_red, opened, saved, two_halves

ORIENTATION = 0x0112


@pytest.mark.parametrize(
    ("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
@pytest.mark.parametrize("read", [read_picture, read_media])
def test_an_upright_picture_keeps_its_bytes(kind: str, mime: str, read: Any) -> None:
    """PNG, JPEG and still WebP pass on exactly as they came, with the type their content has."""
    data = saved(two_halves(), kind)

    assert read(data) == Media(mime, data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_png_mode_is_read_and_shrunk(mode: str) -> None:
    """Palettes, transparency, grey and 16-bit pictures are read and scaled down too."""
    data = saved(two_halves(400, 200).convert("L").convert(mode), "PNG")

    assert read_picture(data).data == data
    assert opened(shrink(read_picture(data), 100)).size == (100, 50)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    """Whatever EXIF orientation it was stored with, the red half is on the left afterwards."""
    stored_by = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes the viewer's turn
    upright = two_halves()
    turned = upright if orientation == 1 else upright.transpose(stored_by[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = read_picture(saved(turned, kind, exif=exif))
    image = opened(picture)

    assert image.format == kind
    assert image.size == (40, 20)
    assert is_red(image.convert("RGB").getpixel((5, 10)))
    assert not is_red(image.convert("RGB").getpixel((35, 10)))
    assert image.getexif().get(ORIENTATION, 1) == 1
    assert read_picture(picture.data) == picture


def test_a_broken_exif_block_does_not_refuse_the_picture() -> None:
    """A whole picture with senseless EXIF is read as upright."""
    data = saved(two_halves(), "JPEG", exif=b"Exif\x00\x00nonsense")

    assert read_picture(data).data == data


@pytest.mark.parametrize(("kind", "frames"), [("GIF", 1), ("GIF", 3), ("WEBP", 3), ("PNG", 3)])
def test_a_gif_or_an_animation_becomes_a_png_of_its_first_frame(kind: str, frames: int) -> None:
    """A GIF, moving or not, an animated WebP and an APNG are sent as a PNG of the first frame."""
    more = [Image.new("RGB", (40, 20), (0, 200, step)) for step in range(1, frames)]
    animation = {"save_all": True, "append_images": more} if more else {}
    picture = read_picture(saved(two_halves(), kind, **animation))

    assert (picture.mime, opened(picture).format) == ("image/png", "PNG")
    assert not getattr(opened(picture), "is_animated", False)
    assert is_red(opened(picture).convert("RGB").getpixel((5, 10)))


def test_fifty_megapixels_are_still_read() -> None:
    """The bound itself is allowed, without any warning."""
    assert read_picture(saved(Image.new("1", (10_000, 5_000)), "PNG")).mime == "image/png"


@pytest.mark.parametrize(
    ("mode", "kind", "shrunk"),
    [row.split() for row in ("RGB PNG JPEG", "RGBA PNG PNG", "P PNG PNG", "RGB JPEG JPEG",
     "CMYK JPEG JPEG", "RGB WEBP JPEG", "RGBA WEBP PNG")],
)  # fmt: skip
def test_a_large_picture_is_scaled_down_once(mode: str, kind: str, shrunk: str) -> None:
    """The longer side becomes the bound, the shape stays; transparency and palettes stay PNG."""
    large = two_halves(2000, 1000).convert(mode)
    if mode == "RGBA":
        large.putalpha(200)
    small = shrink(read_picture(saved(large, kind)))

    assert opened(small).format == shrunk
    assert opened(small).size == (1536, 768)
    assert is_red(opened(small).convert("RGB").getpixel((100, 300)))
    assert shrink(small) is small
