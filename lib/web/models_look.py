"""What the model servers last said of themselves: asked beside the pages, never by them."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lib.core.station import HostReport
from lib.store.gpu import MachineGpu

log = logging.getLogger(__name__)

STALE_S = 60.0  # from here on a look is not shown
END_S = 2.0  # longest wait for a look at the end: a silent server takes three
Stations = Mapping[str, Sequence[HostReport]]


@dataclass(frozen=True, slots=True)
class Look:
    """Every provider's servers, and this machine's GPUs; `at` is by a steady clock, in seconds."""

    stations: Stations
    gpus: tuple[MachineGpu, ...]
    at: float

    @property
    def content(self) -> object:
        """Equal for two looks that show the same; errors are compared by what they say."""
        servers = [
            (name, one.address, one.engine, one.version, one.models, _said(one))
            for name, reports in self.stations.items()
            for one in reports
        ]
        return servers, self.gpus


class Lookout:
    """Asks everyone in a thread of its own: a silent server takes seconds to say nothing."""

    def __init__(
        self,
        stations: Callable[[], Stations],
        gpus: Callable[[], tuple[MachineGpu, ...]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stations, self._gpus, self._now = stations, gpus, now
        self._lock, self._worker = threading.Lock(), ThreadPoolExecutor(1)
        self._looking = threading.Lock()
        self._next: Future[None] | None = None
        self._last: Look | None = None

    @property
    def last(self) -> Look | None:
        """The last look, unless it is too old to be shown."""
        last = self._last
        return last if last and self._now() - last.at <= STALE_S else None

    def age_s(self, look: Look) -> float:
        return self._now() - look.at

    def look_again(self, wait_s: float = 0) -> None:
        """Ask everyone, beginning after this call, and wait at most so long for the answers."""
        with self._lock:
            if self._next is None or self._next.running() or self._next.done():
                self._next = self._worker.submit(self._look)
            asked = self._next
        wait([asked], wait_s)

    def close(self) -> None:
        """Waits for a look under way, or what it asks would open connections that nobody closes."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._looking.acquire(timeout=END_S):
            self._looking.release()

    def _look(self) -> None:
        with self._looking:
            self._ask()

    def _ask(self) -> None:
        try:
            self._last = Look(self._stations(), self._gpus(), self._now())
        except Exception as error:  # nobody asks this thread how it went
            log.error("the model servers could not be asked: %s", type(error).__name__)


def _said(report: HostReport) -> object:
    return report.error and report.error.fields()
