"""The GPUs of this machine, as NVIDIA's own tool tells them; none where it is not installed."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lib.core.heard import clean, whole

# https://docs.nvidia.com/deploy/nvidia-smi/index.html; without units memory is in MiB.
COMMAND = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.used,driver_version",
    "--format=csv,noheader,nounits",
)
MIB = 2**20
WITHIN_S = 3.0  # it takes 0.1 s, and about a second when it must wake the driver
KEPT_S, KEPT_AFTER_HANGING_S = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class MachineGpu:
    """`used_bytes` is what all programs take of its memory now; None is «it did not say»."""

    name: str
    memory_bytes: int
    used_bytes: int | None
    driver: str | None


class Smi:
    """Asks the tool when its last answer is older than some seconds. `now` is a steady clock.

    A page must not wait for a driver that hangs, so after such a try nobody asks for a minute.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._good_until = float("-inf")
        self._known: tuple[MachineGpu, ...] = ()

    def gpus(self) -> tuple[MachineGpu, ...]:
        """In the tool's order; empty when there is none, or the tool fails. Never raises."""
        with self._lock:
            if self._now() >= self._good_until:
                self._look()
            return self._known

    def _look(self) -> None:
        try:
            text, kept_s = _ask(), KEPT_S
        except subprocess.TimeoutExpired:
            text, kept_s = "", KEPT_AFTER_HANGING_S
        found = (_gpu(line) for line in text.splitlines())
        self._known = tuple(gpu for gpu in found if gpu is not None)
        self._good_until = self._now() + kept_s


_smi = Smi()


def gpus() -> tuple[MachineGpu, ...]:
    """This machine's GPUs, at most some seconds old; one whose memory is not told is left out."""
    return _smi.gpus()


def _ask() -> str:
    """What the tool prints, "" when it fails; raises TimeoutExpired."""
    try:
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except OSError:
        return ""
    try:
        text, _ = process.communicate(timeout=WITHIN_S)
    except subprocess.TimeoutExpired:
        _abandon(process)
        raise
    return "" if process.returncode else text


def _abandon(process: subprocess.Popen[str]) -> None:
    """Kill it, but do not wait for ever: inside a broken driver it cannot even die."""
    process.kill()
    if process.stdout:
        process.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):  # then Popen reaps it some time later
        process.wait(timeout=1.0)


def _gpu(line: str) -> MachineGpu | None:
    """A line such as «NVIDIA GeForce RTX 4090, 24564, 512, 550.54»; a cell may be «[N/A]»."""
    cells = [cell.strip() for cell in line.rsplit(",", 3)]
    if len(cells) != 4:
        return None
    name, memory, used = clean(cells[0]), _bytes(cells[1]), _bytes(cells[2])
    if name is None or not memory:
        return None
    return MachineGpu(name, memory, used, clean(cells[3]) if cells[3][:1].isdigit() else None)


def _bytes(mib: str) -> int | None:
    # Python refuses to read a number of thousands of digits.
    known = mib.isascii() and mib.isdigit() and len(mib) < 20
    return whole(int(mib) * MIB) if known else None
