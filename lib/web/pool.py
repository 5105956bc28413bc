"""Threads of its own for one kind of work, and a bounded queue before them."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from lib.core.errors import Busy

T = TypeVar("T")

# More than anybody sends at once in good faith, and few enough that the last is still served before
# its caller gives up.
WAITING = 512


class Pool:
    """Runs blocking work for the event loop; Streamlit serves files with anyio's shared threads."""

    def __init__(self, threads: int, waiting: int = WAITING) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._most, self._inside = threads + waiting, 0

    async def run(self, verb: Callable[..., T], *args: Any) -> T:
        """`verb(*args)` in one of the threads; raises Busy at once when the queue is full.

        Only from the event loop's thread, on which it counts.
        """
        if self._inside >= self._most:
            raise Busy("Too many calls wait for this already.", retry_after_s=2)
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(partial(verb, *args), limiter=self._limiter)
        finally:
            self._inside -= 1
