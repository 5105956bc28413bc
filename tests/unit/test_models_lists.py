"""Which models there are: listed in order, renewed behind readers, never waited for long."""

import threading
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from lib.core.chat import NO_MODEL, Event, ModelInfo, Provider, Request
from lib.providers.gemini import Gemini
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from lib.work.app import App
from lib.work.models import FRESH_S, STALE_S, Models
from tests.fakes import FakeServer
from tests.unit.builders import Clock, deaf_server, running, silent_server, site, tags


def test_all_are_listed_in_the_order_of_the_picker(app: App) -> None:
    """Every provider has its entries, also one that is off, with its reason."""
    listed = app.models.all()
    providers = list(dict.fromkeys(info.provider for info in listed))

    assert providers == ["gemini", "ollama", "vllm", "embedded"]
    assert [info.reason for info in listed if not info.available] == [
        "EMBEDDED_MODEL is off. Unset it, or give a GGUF file, then start again."
    ]


def test_a_dead_server_is_one_entry_with_its_reason(
    fake: FakeServer, tmp_path: Path, dead_address: str
) -> None:
    """The picker shows the provider, off, with what to do, and without an inner address."""
    dead = f"http://{dead_address}"
    with running(fake, tmp_path, ollama_host=dead, vllm_base_url=f"{dead}/v1") as app:
        listed = app.models.all()
    silent = [info for info in listed if info.provider in ("ollama", "vllm")]

    assert [(info.name, info.available) for info in silent] == [(NO_MODEL, False)] * 2
    assert all(info.reason and dead_address not in info.reason for info in silent)


def test_an_old_list_is_renewed_behind_the_readers_back() -> None:
    """Pages that ask again and again cost one look-up; a list a little old is shown meanwhile, a
    very old one never."""
    clock = Clock()
    with site(tags("one")) as host, closing(Ollama([host.url], 5)) as ollama:
        models = Models({"ollama": ollama}, {}, {}, now=clock)

        def looked_up() -> int:
            models.all()
            return host.asked.count("/api/tags")

        counts = [looked_up(), looked_up()]
        clock.time += FRESH_S - 0.1
        counts.append(looked_up())
        clock.time += 0.2
        models.all()
        while host.asked.count("/api/tags") < 2:
            time.sleep(0.01)
        clock.time += STALE_S + 1
        counts.append(looked_up())

    assert counts == [1, 1, 1, 3]


class Slow:
    """A provider whose list is what it had when it was asked, and comes when `go` says so."""

    name = "ollama"

    def __init__(self) -> None:
        self.has = ["old"]
        self.asked, self.go = threading.Event(), threading.Event()
        self.go.set()

    def stream(self, request: Request) -> Generator[Event, None, None]:
        yield from ()

    def models(self) -> list[ModelInfo]:
        found, go = [ModelInfo("ollama", name) for name in self.has], self.go
        self.asked.set()
        go.wait(5)
        return found

    def close(self) -> None:
        pass


def test_an_older_list_that_comes_late_is_dropped() -> None:
    """It was begun before a model was pulled, so it knows less than the one asked for then."""
    clock, slow = Clock(), Slow()
    models = Models({"ollama": slow}, {}, {}, now=clock)
    models.all()
    clock.time += FRESH_S + 1
    slow.go, late = threading.Event(), slow.asked
    late.clear()
    models.all()  # renews the list behind our back
    assert late.wait(5)
    held, slow.go, slow.has = slow.go, threading.Event(), ["new"]
    slow.go.set()
    models.refresh()
    held.set()
    for thread in threading.enumerate():
        if thread.name.endswith("(_renew)"):
            thread.join(5)

    assert [info.name for info in models.all()] == ["new"]


def test_hanging_hosts_do_not_hold_the_picker_up(fake: FakeServer) -> None:
    """Hosts that take the call and say nothing, or do not even take it, cost three seconds."""
    with silent_server() as mute, deaf_server() as deaf:
        providers: dict[str, Provider] = {
            "gemini": Gemini("k", fake.url, 10, [ModelInfo("gemini", "flash")]),
            "ollama": Ollama([f"http://{mute}", f"http://{deaf}"], 60),
            "vllm": VLLM([f"http://{deaf}/v1", f"http://{mute}/v1"], None, 60),
        }
        with closing(Models(providers, {}, {})) as models:
            started = time.monotonic()
            listed = models.all()
            lasted = time.monotonic() - started

    assert [info.id for info in listed if info.available] == ["gemini/flash"]
    assert {info.provider for info in listed if not info.available} == {"ollama", "vllm"}
    assert lasted < 5.5
