"""Calls to several hosts, which fail as a test wishes."""

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing, suppress

from lib.core.chat import Event, Text
from lib.core.errors import (
    AppError,
    NoConnection,
)
from lib.providers.breaker import FIRST_REST_S
from lib.providers.hosts import Hosts
from tests.unit.builders import Clock

Faults = dict[str, AppError]


def hosts(names: str = "abc", clock: Clock | None = None) -> Hosts[str]:
    return Hosts({name: name.upper() for name in names}, clock or Clock())


def saying(faults: Faults, asked: list[str]) -> Callable[[str, str], Generator[Event, None, None]]:
    """What a host says: its client and an end, or its fault."""

    def ask(address: str, client: str) -> Generator[Event, None, None]:
        asked.append(address)
        if address in faults:
            raise faults[address]
        yield Text(client)
        yield Text("end")

    return ask


def call(several: Hosts[str], faults: Faults | None = None, model: str = "") -> list[str]:
    """The hosts that one call asked, in order; how it ended does not matter."""
    asked: list[str] = []
    with suppress(AppError):
        list(several.stream(model, saying(faults or {}, asked)))
    return asked


def answered_by(several: Hosts[str], calls: int, model: str = "") -> list[str]:
    """Which host took each of so many calls, one after the other; none is refused."""
    return [address for _ in range(calls) for address in call(several, model=model)]


def open_calls(several: Hosts[str], count: int, stack: ExitStack) -> list[str]:
    """Which hosts so many calls went to that are still being answered."""
    asked: list[str] = []
    for _ in range(count):
        next(stack.enter_context(closing(several.stream("", saying({}, asked)))))
    return asked


def rested(clock: Clock) -> Hosts[str]:
    """Hosts a and b; a was dead and has rested, nobody knows yet whether it is back."""
    several = hosts("ab", clock)
    while "a" not in call(several, {"a": NoConnection("x")}):
        pass
    clock.time += FIRST_REST_S
    return several


def everywhere(error: AppError, names: Iterable[str]) -> Faults:
    return dict.fromkeys(names, error)
