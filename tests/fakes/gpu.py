"""A GPU of known speed behind the fake: what measures it must find these figures."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fakes.conduct import Conduct

LOOK_S = 0.001


class Gpu:
    """Prompts are read one after another, answers written side by side, `slots` calls at once."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._slots = threading.Semaphore(conduct.slots or 1_000_000)
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def pace_s(self) -> float:
        """Seconds between two tokens of a stream."""
        return 1 / self._conduct.decode_tok_s

    @contextmanager
    def reading(self, tokens: int, wait: Callable[[float], None]) -> Iterator[None]:
        """Wait for a slot, and until the prompt is read; inside, the answer is written."""
        while not self._slots.acquire(blocking=False):
            wait(LOOK_S)
        try:
            wait(self._reading_s(tokens))
            yield
        finally:
            self._slots.release()

    def durations(self, read: int, written: int) -> dict[str, int]:
        """The last line's fields in Ollama's dialect, nanoseconds."""
        return {
            "prompt_eval_duration": int(read / self._conduct.prefill_tok_s * 1e9),
            "eval_duration": int(written / self._conduct.decode_tok_s * 1e9),
        }

    def _reading_s(self, tokens: int) -> float:
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + tokens / self._conduct.prefill_tok_s
            return self._free_at - now


def gpu_of(conduct: Conduct) -> Gpu | None:
    return Gpu(conduct) if conduct.decode_tok_s else None
