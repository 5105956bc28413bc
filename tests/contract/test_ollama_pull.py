"""Having an Ollama server download a model: every step of it, stopping it, how it fails."""

import threading
import time
from contextlib import closing

import pytest

from lib.core.errors import (
    AppError,
    ModelMissing,
    StorageFailed,
    TimedOut,
    Unreachable,
    Unsupported,
)
from lib.providers.line import HungUp, Line
from lib.providers.ollama_library import OllamaLibrary
from lib.providers.ollama_pull import PullStep
from tests.fakes import FakeServer
from tests.unit.builders import site, wait_until

SMALL, SMALL_BYTES = "smollm2:135m", 270_898_672


def test_a_pull_tells_every_step(library: OllamaLibrary, own: FakeServer) -> None:
    """From the manifest over each file's bytes to success; then the server has the model."""
    first, *steps, last = library.pull(own.url, SMALL)
    totals = {step.digest: step.total_bytes for step in steps if step.digest}

    assert (first, last) == (PullStep("pulling manifest"), PullStep("success"))
    assert sum(totals.values()) == SMALL_BYTES
    assert SMALL in library.names(own.url)


def test_closing_a_pull_stops_it_and_keeps_what_is_there(
    library: OllamaLibrary, own: FakeServer
) -> None:
    """Ollama stops when nobody listens; the next pull goes on at the same byte."""
    own.ollama.bytes_per_s = SMALL_BYTES
    steps = library.pull(own.url, SMALL)
    assert any((step.done_bytes or 0) > 20_000_000 for step in steps)
    steps.close()
    assert wait_until(lambda: own.calls[-1].hung_up)
    own.ollama.bytes_per_s = 0
    first = next(step for step in library.pull(own.url, SMALL) if step.digest)

    assert first.done_bytes is not None
    assert first.done_bytes > 20_000_000


def test_hanging_up_cuts_a_silent_pull(library: OllamaLibrary, own: FakeServer) -> None:
    """Another thread can end it while not a byte comes."""
    own.ollama.faults = ["hang"]
    line, ended = Line(10), threading.Event()

    def read() -> None:
        with line.held(), pytest.raises(HungUp):
            list(library.pull(own.url, SMALL))
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert wait_until(lambda: own.ollama.partial)
    line.hang_up()

    assert ended.wait(2)


def test_silence_is_bounded_and_the_whole_is_not(own: FakeServer) -> None:
    """A pull that takes longer than the longest silence succeeds; a silent one ends."""
    with closing(OllamaLibrary([own.url], 0.3)) as library:
        own.ollama.bytes_per_s = SMALL_BYTES / 0.5
        began = time.monotonic()
        list(library.pull(own.url, SMALL))
        took = time.monotonic() - began
        own.ollama.bytes_per_s, own.ollama.faults = 0, ["hang"]
        with pytest.raises(TimedOut):
            list(library.pull(own.url, "gemma3:1b"))

    assert took > 0.4


@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        ("disk_full", StorageFailed, "OLLAMA_MODELS"),
        ("old", Unsupported, "Update"),
        ("offline", Unreachable, "internet"),
        ("cut", Unreachable, ""),
    ],
)
def test_a_failed_pull_says_why(
    library: OllamaLibrary, own: FakeServer, fault: str, kind: type[AppError], hint: str
) -> None:
    """In our words, with the next step, and nothing of what the server wrote."""
    own.ollama.faults = [fault]
    with pytest.raises(kind) as raised:
        list(library.pull(own.url, SMALL))

    assert hint in raised.value.hint
    assert not any(word in str(raised.value) for word in ("SECRET", "/root", "412", "dial"))


def test_an_unknown_model_is_missing(library: OllamaLibrary, own: FakeServer) -> None:
    """A typing error in the tag is told as one."""
    with pytest.raises(ModelMissing, match="gemma3:5b") as raised:
        list(library.pull(own.url, "gemma3:5b"))

    assert "ollama.com/library" in raised.value.hint


def test_a_pull_that_ends_early_has_failed() -> None:
    """A stream without «success» at its end is no success."""
    answers = {"/api/pull": [{"status": "pulling manifest"}]}
    with (
        site(answers) as vague,
        closing(OllamaLibrary([vague.url], 10)) as library,
        pytest.raises(Unreachable),
    ):
        list(library.pull(vague.url, SMALL))
