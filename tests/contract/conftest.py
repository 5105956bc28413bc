"""The adapters under test, each in front of the fake server; a new one is one more line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lib.core.chat import Media, Message, Provider, Request
from lib.providers.gemini import Gemini
from lib.providers.gemini_bulk import GeminiBulk
from lib.providers.ollama import Ollama
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
