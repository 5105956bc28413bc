"""The adapters under test, each in front of the fake server; a new one is one more line here."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from lib.core.chat import Done, Event, Media, Message, Provider, Request, Text, Usage
from lib.providers.gemini import Gemini
from lib.providers.gemini_bulk import GeminiBulk
from lib.providers.ollama import Ollama
from lib.providers.ollama_library import OllamaLibrary
from lib.providers.vllm import VLLM
from tests.fakes import FakeServer

Make = Callable[[str, str, float], Provider]


@dataclass(frozen=True)
class Adapter:
    """`make(http_url, grpc_target, timeout_s)`; `streams` False: the answer comes in one piece."""

    id: str
    model: str
    make: Make
    sees: str = ""
    streams: bool = True
    can_hang_up: bool = True
    google: bool = False


def gemini(url: str, grpc: str, timeout_s: float, key: str = "k") -> Provider:
    return Gemini(key, url, timeout_s, [])


def bulk_grpc(url: str, grpc: str, timeout_s: float, key: str = "k") -> Provider:
    return GeminiBulk(key, url, grpc, timeout_s, [])


def bulk_rest(url: str, grpc: str, timeout_s: float, key: str = "k") -> Provider:
    return GeminiBulk(key, url, None, timeout_s, [])


def ollama(url: str, grpc: str, timeout_s: float, key: str = "") -> Provider:
    return Ollama([url], timeout_s)


def vllm(url: str, grpc: str, timeout_s: float, key: str = "k") -> Provider:
    return VLLM([f"{url}/v1"], key, timeout_s)


FLASH = "gemini-3.1-flash-lite"
QWEN = "Qwen/Qwen2.5-VL-3B-Instruct"
ADAPTERS = [
    Adapter("gemini", FLASH, gemini, sees=FLASH, google=True),
    Adapter("gemini_bulk-grpc", FLASH, bulk_grpc, sees=FLASH, google=True),
    Adapter(
        "gemini_bulk-rest", FLASH, bulk_rest, sees=FLASH, streams=False, can_hang_up=False,
        google=True,
    ),
    Adapter("ollama", "gemma3:4b", ollama, sees="gemma3:4b"),
    Adapter("vllm", QWEN, vllm, sees=QWEN),
]  # fmt: skip
PICTURE = Media("image/png", b"\x89PNG\r\n\x1a\n not a real picture, the fake does not look")


@dataclass(frozen=True)
class Bench:
    """One adapter, open, with the fake it talks to."""

    adapter: Adapter
    provider: Provider
    fake: FakeServer

    def request(self, text: str, **options: object) -> Request:
        return Request(self.adapter.model, (Message("user", text),), **options)


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.id)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return request.param


@pytest.fixture
def bench(adapter: Adapter, fake: FakeServer) -> Iterator[Bench]:
    provider = adapter.make(fake.url, fake.grpc_target, 10.0)
    yield Bench(adapter, provider, fake)
    provider.close()


def only(holds: Callable[[Adapter], bool]) -> pytest.MarkDecorator:
    """Run a promise over the adapters that can make it."""
    wanted = [adapter for adapter in ADAPTERS if holds(adapter)]
    return pytest.mark.parametrize("adapter", wanted, ids=lambda adapter: adapter.id)


EITHER_WAY = pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def last_usage(events: list[Event]) -> Usage | None:
    return next((event for event in reversed(events) if isinstance(event, Usage)), None)


GEMMA = "gemma3:4b"
SMALL_OLLAMA = {
    "/api/tags": {"models": [{"model": "small"}]},
    "/api/show": {"model_info": {"small.context_length": 2048}, "capabilities": ["completion"]},
    "/api/chat": [{"message": {"role": "assistant", "content": "ok"}, "done": True}],
}


def done_of(provider: Provider, text: str, model: str = GEMMA, **options: Any) -> Done:
    """How an answer ended."""
    *_, done = provider.stream(Request(model, (Message("user", text),), **options))
    assert isinstance(done, Done)
    return done


def chats(fake: FakeServer) -> list[Any]:
    """The calls for an answer, in Ollama's dialect."""
    return [call for call in fake.calls if call.path == "/api/chat"]


@pytest.fixture
def own() -> Iterator[FakeServer]:
    """A server of the test's own: what it has is changed."""
    with FakeServer() as server:
        yield server


@pytest.fixture
def library(own: FakeServer) -> Iterator[OllamaLibrary]:
    with closing(OllamaLibrary([own.url], 10)) as library:
        yield library
