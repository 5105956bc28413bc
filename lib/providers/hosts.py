"""Several addresses of one kind of server: the next call goes to the one with the fewest open."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from lib.core.chat import ModelInfo
from lib.core.errors import AppError, Unreachable

Client = TypeVar("Client")
REST_S = 5.0  # how long a host that did not answer is left alone, if another one is there


class Hosts(Generic[Client]):
    """Clients by address, balanced by calls in flight; a dead host rests for `REST_S` seconds."""

    def __init__(
        self, clients: dict[str, Client], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.clients = clients
        self._now = now
        self._lock = threading.Lock()
        self._in_flight = dict.fromkeys(clients, 0)
        self._rests_until = dict.fromkeys(clients, 0.0)
        self._has: dict[str, set[str]] = {}
        self._turn = 0

    @contextlib.contextmanager
    def least_busy(self, model: str = "") -> Iterator[tuple[str, Client]]:
        """An address and its client, counted as busy until the block ends.

        Only hosts that listed the model take part, unless none did.
        """
        with self._lock:
            address = self._pick(model)
            self._in_flight[address] += 1
        try:
            yield address, self.clients[address]
            self._rests_until[address] = 0.0
        except Unreachable:
            self._rests_until[address] = self._now() + REST_S
            raise
        finally:
            with self._lock:
                self._in_flight[address] -= 1

    def list_models(
        self, ask: Callable[[str], list[ModelInfo]]
    ) -> tuple[list[ModelInfo], list[AppError]]:
        """What the hosts have, asked by address and all at once, and why some did not say."""
        with ThreadPoolExecutor(len(self.clients)) as pool:
            asked = {address: pool.submit(ask, address) for address in self.clients}
        found: dict[str, ModelInfo] = {}
        silent: list[AppError] = []
        for address, future in asked.items():
            try:
                listed = {info.name: info for info in future.result()}
            except AppError as error:
                silent.append(error)
                continue
            found |= listed
            self._has[address] = set(listed)
        return list(found.values()), silent

    def _pick(self, model: str) -> str:
        self._turn += 1
        names = list(self.clients)
        names = [name for name in names if model in self._has.get(name, ())] or names
        turned = names[self._turn % len(names) :] + names[: self._turn % len(names)]
        resting = {name for name in names if self._rests_until[name] > self._now()}
        return min(turned, key=lambda name: (name in resting, self._in_flight[name]))
