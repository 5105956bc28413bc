"""Which way the next call goes: to which of several servers, over which of several clients."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from lib.core.chat import Event, ModelInfo
from lib.core.errors import AppError, BadInput, ModelMissing, NoConnection, TimedOut, Unreachable
from lib.providers.breaker import Breaker

Answer = TypeVar("Answer")
Client = TypeVar("Client")
SILENT = (Unreachable, TimedOut)  # the host may be dead
NOT_TAKEN = (NoConnection, ModelMissing)  # surely nothing was done for the call


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


@dataclass(slots=True)
class _Host(Generic[Client]):
    """One server. `has` are the models it listed, empty as long as it listed none."""

    address: str
    client: Client
    breaker: Breaker
    in_flight: int = 0
    has: frozenset[str] = frozenset()


class Hosts(Generic[Client]):
    """Clients by address, balanced by calls in flight; calls keep away from a host that fails.

    Only hosts that listed a model are asked for it, unless none did. One that refuses the
    connection has got nothing of the call, and one that lost the model has done nothing for it: the
    next host takes it. Any other failure comes out, for no call is repeated behind anybody's back.
    A call that names its host goes there or nowhere.
    """

    def __init__(
        self, clients: dict[str, Client], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.clients = clients
        self._lock = threading.Lock()
        self._hosts = [_Host(*one, Breaker(now)) for one in clients.items()]
        self._turn = 0

    def having(self, model: str) -> list[str]:
        """The addresses that listed a model, dead ones last."""
        found = [host for host in self._hosts if model in host.has]
        return [host.address for host in sorted(found, key=lambda host: not host.breaker.admits)]

    def stream(
        self,
        model: str,
        ask: Callable[[str, Client], Generator[Event, None, None]],
        only: str | None = None,
    ) -> Generator[Event, None, None]:
        """What `ask(address, client)` yields, from the least busy host that takes the call."""
        left = self._named(only) if only else self._with_model(model)
        while True:
            with self._visit(model, left) as (host, answered):
                with contextlib.closing(ask(host.address, host.client)) as events:
                    yield from itertools.islice(events, 1)
                    answered()
                    left.clear()  # half an answer is never begun again elsewhere
                    yield from events
                return

    def call(
        self, model: str, ask: Callable[[str, Client], Answer], only: str | None = None
    ) -> Answer:
        """What `ask(address, client)` returns, from the least busy host that takes the call."""
        left = self._named(only) if only else self._with_model(model)
        while True:
            with self._visit(model, left) as (host, _):
                return ask(host.address, host.client)

    def list_models(
        self, ask: Callable[[str], list[ModelInfo]]
    ) -> tuple[list[ModelInfo], list[AppError]]:
        """What the hosts have, asked by address and all at once, and why some did not say."""
        with ThreadPoolExecutor(len(self._hosts)) as pool:
            asked = [pool.submit(self._list, host, ask) for host in self._hosts]
        found: dict[str, ModelInfo] = {}
        silent: list[AppError] = []
        for future in asked:
            try:
                found |= {info.name: info for info in future.result()}
            except AppError as error:
                silent.append(error)
        return list(found.values()), silent

    def _list(self, host: _Host[Client], ask: Callable[[str], list[ModelInfo]]) -> list[ModelInfo]:
        with self._visit("", [host]):
            listed = ask(host.address)
        host.has = frozenset(info.name for info in listed)
        return listed

    def _with_model(self, model: str) -> list[_Host[Client]]:
        return [host for host in self._hosts if model in host.has] or list(self._hosts)

    def _named(self, address: str) -> list[_Host[Client]]:
        found = [host for host in self._hosts if host.address == address]
        if not found:
            raise BadInput("host: that is none of our servers.")
        return found

    @contextlib.contextmanager
    def _visit(
        self, model: str, left: list[_Host[Client]]
    ) -> Iterator[tuple[_Host[Client], Callable[[], None]]]:
        """The host of `left` to ask next, taken out of it, and what to call at its first answer.

        Swallows that this host has not taken the call as long as others are left.
        """
        with self._lock:
            host = self._pick(left)
            left.remove(host)
            host.in_flight += 1
            answered = partial(host.breaker.answered, host.breaker.begin())
        end: Callable[[], None] = host.breaker.undecided
        try:
            yield host, answered
            end = answered
        except AppError as error:
            end = host.breaker.failed if isinstance(error, SILENT) else answered
            if isinstance(error, ModelMissing):
                host.has -= {model}
            if not (left and isinstance(error, NOT_TAKEN)):
                raise
        finally:
            end()
            with self._lock:
                host.in_flight -= 1

    def _pick(self, left: list[_Host[Client]]) -> _Host[Client]:
        self._turn += 1
        turned = left[self._turn % len(left) :] + left[: self._turn % len(left)]
        return min(turned, key=lambda host: (not host.breaker.admits, host.in_flight))
