"""Pictures read and scaled as in `lib.core.media`, but no more at once than memory has room for.

A picture of 200 kB may be 50 megapixels, which take 400 MB to turn upright: eight of them, sent
together, took 3.2 GB. So all that are being decoded share the pixels of one of the largest.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lib.core import media
from lib.core.chat import Media
from lib.core.media import MAX_PIXELS, pixels_of


class Room:
    """So many pixels may be decoded at once; who needs more than are free waits, in no order."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        wanted = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


_room = Room(MAX_PIXELS)


def read_picture(data: bytes, field: str = "image") -> Media:
    """`lib.core.media.read_picture`, when there is room."""
    with _room.take(pixels_of(data)):
        return media.read_picture(data, field)


def read_media(data: bytes, field: str = "file") -> Media:
    """`lib.core.media.read_media`, when there is room."""
    with _room.take(pixels_of(data)):
        return media.read_media(data, field)


def shrink(picture: Media, longest: int = 1536) -> Media:
    """`lib.core.media.shrink`, when there is room."""
    with _room.take(pixels_of(picture.data)):
        return media.shrink(picture, longest)
