"""Hundreds of calls in flight through one adapter, as a job makes them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.core.chat import Provider
from lib.core.errors import AppError
from lib.providers.grpc_line import CALLS
from lib.providers.hosts import Clients
from tests.contract.conftest import Adapter, Bench, only, text_of
from tests.fakes import FakeServer
from tests.fakes.gemini_grpc import STREAMS

MANY = 300
LABELS = ("positive", "negative")


@pytest.fixture
def bench(adapter: Adapter) -> Iterator[Bench]:
    """A fake of its own that answers nobody before all are there."""
    with FakeServer(gather=MANY) as fake:
        provider = adapter.make(fake.url, fake.grpc_target, 60.0)
        yield Bench(adapter, provider, fake)
        provider.close()


def ask_all(bench: Bench) -> list[str]:
    def ask(number: int) -> str:
        text, provider = f"row {number} is negative", bench.provider
        return said(provider, bench, text).strip('"')

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(ask, range(MANY)))


def said(provider: Provider, bench: Bench, text: str) -> str:
    try:
        request = bench.request(text, choices=LABELS, stream=False)
        return text_of(list(provider.stream(request)))
    except AppError as error:
        return repr(error)


def test_hundreds_of_calls_are_in_flight_at_once(bench: Bench) -> None:
    """No pool, queue or limit of streams holds a call back while others wait for the model."""
    answers = ask_all(bench)

    assert set(answers) == {"negative"}
    assert bench.fake.max_in_flight == MANY


@only(lambda adapter: adapter.id != "gemini_bulk-grpc")
def test_connections_are_kept_for_the_next_hundreds(bench: Bench) -> None:
    """A second wave opens no connections: those of the first one were kept."""
    ask_all(bench)
    opened = bench.fake.connections
    ask_all(bench)

    assert opened <= MANY + 2  # a look at the model may come on a line of its own
    assert bench.fake.connections - opened <= MANY // 10


def test_a_channel_stays_below_the_streams_a_server_allows() -> None:
    """More calls than one connection may carry go over further ones, and no more than needed."""
    assert CALLS < STREAMS

    numbers = iter(range(10))
    clients = Clients(lambda: next(numbers), most=2)
    with clients.with_room() as first, clients.with_room() as second:
        with clients.with_room() as third:
            pass
        with clients.with_room() as fourth:
            pass
    with clients.with_room() as fifth:
        pass

    assert [first, second, third, fourth, fifth] == [0, 0, 1, 1, 0]
