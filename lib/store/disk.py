"""Room on the disk: what would fill it is refused before it is written."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from lib.core.errors import StorageFailed

# For the database, which must go on when uploads cannot.
KEPT_FREE_BYTES = 200 * 2**20
KEPT_FREE_SHARE = 0.05  # of a disk so small that this is less

_HINT = "Delete old jobs with their files, or ask whoever runs this server to free some space."


def check_room(folder: Path, size: int) -> None:
    """Raise StorageFailed if `size` more bytes in `folder` leave less free than is kept."""
    disk = shutil.disk_usage(folder)
    if disk.free - size < min(KEPT_FREE_BYTES, KEPT_FREE_SHARE * disk.total):
        raise StorageFailed("The server's disk has no room for this file.", _HINT)


@contextlib.contextmanager
def may_fill() -> Iterator[None]:
    """Raises StorageFailed when the disk is full all the same."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFailed("The server's disk is full.", _HINT) from None
