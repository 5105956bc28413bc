"""Large pictures take turns: what is decoded at once is bounded, and nobody waits for ever."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from lib.core.errors import BadInput, TooLarge
from lib.work.pictures import Room, read_media, read_picture, shrink
from tests.unit.pictures import opened, png_header, saved, two_halves


def most_at_once(room: Room, pixels: int, threads: int = 6) -> int:
    """How many pixels were taken at the same time, at most, by that many who want so many."""
    lock, now, most = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal now, most
        with room.take(pixels):
            with lock:
                now += pixels
                most = max(most, now)
            time.sleep(0.01)
            with lock:
                now -= pixels

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return most


@pytest.mark.parametrize(("pixels", "most"), [(100, 100), (60, 60), (50, 100), (10, 60)])
def test_no_more_is_taken_than_there_is(pixels: int, most: int) -> None:
    """Of a room of 100 several may have a part together, and one a large one alone."""
    assert most_at_once(Room(100), pixels) == most


def test_who_wants_more_than_all_gets_all() -> None:
    """What is too large will be refused; until then it waits for the whole room, not for ever."""
    room = Room(100)
    with room.take(10**9):
        pass

    assert most_at_once(room, 100, threads=2) == 100


def test_an_error_gives_the_room_back() -> None:
    """Bombs and broken pictures, one after the other, do not fill it."""
    for _ in range(5):
        with pytest.raises(TooLarge):
            read_picture(png_header(60_000, 60_000))
        with pytest.raises(BadInput):
            read_media(png_header(7_000, 7_000))

    assert read_picture(saved(two_halves(), "PNG")).mime == "image/png"


@pytest.mark.parametrize("read", [read_picture, read_media])
def test_pictures_are_read_and_scaled_as_ever(read: Callable[..., object]) -> None:
    """In many threads at once, each gets its own."""
    data = [saved(Image.new("RGB", (2_000 + n, 10)), "PNG") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        small = list(pool.map(lambda one: shrink(read(one), 100), data))

    assert [opened(one).width for one in small] == [100] * 8
