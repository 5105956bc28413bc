"""Room on the disk: what would fill it is refused before it is written."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from lib.core.errors import StorageFailed

# For the database, which must go on when uploads cannot.
KEPT_FREE_BYTES = 200 * 2**20
KEPT_FREE_SHARE = 0.05  # of a disk so small that this is less
LOOK_EVERY = 100  # rows
Row = TypeVar("Row")

_HINT = "Delete old jobs with their files, or ask whoever runs this server to free some space."


def check_room(folder: Path, size: int) -> None:
    """Raise StorageFailed if `size` more bytes in `folder` leave less free than is kept."""
    disk = shutil.disk_usage(folder)
    if disk.free - size < min(KEPT_FREE_BYTES, KEPT_FREE_SHARE * disk.total):
        raise StorageFailed("The server's disk has no room for this file.", _HINT)


def while_room(rows: Iterable[Row], folder: Path) -> Iterator[Row]:
    """The rows, as long as writing them in `folder` leaves free what is kept; else raises
    StorageFailed. For files whose size nobody knows before they are written."""
    for number, row in enumerate(rows):
        if number % LOOK_EVERY == 0:
            check_room(folder, 0)
        yield row


@contextlib.contextmanager
def may_fill() -> Iterator[None]:
    """Raises StorageFailed when the disk is full all the same."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFailed("The server's disk is full.", _HINT) from None


@contextlib.contextmanager
def temporary_file(suffix: str) -> Iterator[Path]:
    """An empty file to be written, gone at the end; StorageFailed as in `may_fill`."""
    with may_fill():
        opened, name = tempfile.mkstemp(suffix)
        os.close(opened)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)  # whoever wrote half of it may have removed it
