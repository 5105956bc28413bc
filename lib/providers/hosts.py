"""Which way the next call goes: to which of several servers, over which of several clients."""

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


class Clients(Generic[Client]):
    """Clients of one server, made by `make` as calls need them; each carries `most` at once.

    The first one with room is next, so few calls at a time share one client and its connections.
    """

    def __init__(self, make: Callable[[], Client], most: int) -> None:
        self._make, self._most = make, most
        self._lock = threading.Lock()
        self._in_flight: list[int] = []
        self.made: list[Client] = []

    @contextlib.contextmanager
    def with_room(self) -> Iterator[Client]:
        """A client, counted as busier until the block ends."""
        with self._lock:
            rooms = (i for i, calls in enumerate(self._in_flight) if calls < self._most)
            number = next(rooms, len(self.made))
            if number == len(self.made):
                self.made.append(self._make())
                self._in_flight.append(0)
            self._in_flight[number] += 1
        try:
            yield self.made[number]
        finally:
            with self._lock:
                self._in_flight[number] -= 1


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
