"""A server's disk that can be filled and emptied while it runs."""

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.browser.conftest import Site

SIZE_MB = 12


class LimitedDisk:
    """Filled, the server's process may write no byte to any file; that needs no rights at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, site: Site) -> None:
        self._limit(site, 0)

    def empty(self, site: Site) -> None:
        self._limit(site, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(site: Site, most_bytes: int) -> None:
        hard = resource.RLIM_INFINITY
        resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


class SmallDisk:
    """A file system of `SIZE_MB`; filled, another file takes all there is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._other = folder / "somebody else's"

    def fill(self, site: Site) -> None:
        with contextlib.suppress(OSError), self._other.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def empty(self, site: Site) -> None:
        self._other.unlink()


Disk = LimitedDisk | SmallDisk


@contextlib.contextmanager
def limited(folder: Path) -> Iterator[Disk]:
    yield LimitedDisk(folder)


@contextlib.contextmanager
def small(folder: Path) -> Iterator[Disk]:
    if not _mount(folder):
        raise OSError("no file system can be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def kinds(folder: Path) -> dict[str, Callable[[Path], contextlib.AbstractContextManager[Disk]]]:
    """The disks this machine can give: one of its own only to root outside a container."""
    found: dict[str, Callable[[Path], contextlib.AbstractContextManager[Disk]]]
    found = {"limited": limited}
    if _mount(folder):
        subprocess.run(["umount", str(folder)], check=True)
        found["small"] = small
    return found


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
