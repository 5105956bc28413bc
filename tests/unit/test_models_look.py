"""What the model servers last said, asked beside the pages; and deeds that no page waits for."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lib.core.errors import AppError, Unreachable
from lib.core.station import HostedModel, HostReport
from lib.store.gpu import MachineGpu
from lib.web.models_deeds import Deed, Deeds
from lib.web.models_look import STALE_S, Look, Lookout
from lib.web.models_words import size

GPU = MachineGpu("NVIDIA GeForce RTX 4090", 24_564 * 2**20, 512 * 2**20, "550.54")


class Servers:
    """Answer when they are let: `reports` counts how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = threading.Event()
        self.open.set()

    def report(self) -> dict[str, list[HostReport]]:
        self.asked += 1
        assert self.open.wait(5)
        return {"ollama": [HostReport("here", "Ollama", version=str(self.asked))]}


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def lookout(servers: Servers, clock: list[float]) -> Iterator[Lookout]:
    found = Lookout(servers.report, lambda: (GPU,), now=lambda: clock[0])
    yield found
    servers.open.set()
    found.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def version(look: Look | None) -> str | None:
    return look.stations["ollama"][0].version if look else None


def test_a_silent_server_holds_nobody_up(servers: Servers, lookout: Lookout) -> None:
    """The asker waits as long as it said; the answer is there when it has come."""
    servers.open.clear()
    begun = time.monotonic()
    lookout.look_again(0.05)

    assert time.monotonic() - begun < 1
    assert lookout.last is None
    servers.open.set()
    until(lambda: lookout.last is not None)
    assert lookout.last.gpus == (GPU,)


def test_a_look_begins_after_it_was_asked_for(servers: Servers, lookout: Lookout) -> None:
    """One under way may have missed what a click just changed; many clicks are one more look."""
    servers.open.clear()
    lookout.look_again()
    until(lambda: servers.asked == 1)
    for _ in range(5):
        lookout.look_again()
    servers.open.set()
    lookout.look_again(5)

    assert version(lookout.last) == "2"
    assert servers.asked == 2


def test_an_old_look_is_not_shown(lookout: Lookout, clock: list[float]) -> None:
    """It tells its age, and from a minute on nothing."""
    lookout.look_again(5)
    clock[0] = STALE_S
    assert lookout.last
    assert lookout.age_s(lookout.last) == STALE_S
    clock[0] += 1

    assert lookout.last is None


def test_a_look_that_fails_is_logged(
    servers: Servers, lookout: Lookout, caplog: pytest.LogCaptureFixture
) -> None:
    """By its kind alone, for a message may hold anything; the next look may go well."""

    def fail() -> dict[str, list[HostReport]]:
        raise ValueError("a secret")

    failing = Lookout(fail, lambda: ())
    failing.look_again(5)
    lookout.look_again(5)

    assert failing.last is None
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert version(lookout.last) == "1"
    failing.close()


def look(error: str | None = None, loaded: bool = False) -> Look:
    model = HostedModel("gemma3:4b", loaded=loaded)
    problem = Unreachable(error) if error else None
    return Look({"ollama": [HostReport("h", "Ollama", "1", (model,), problem)]}, (GPU,), 0.0)


def test_the_same_answers_are_the_same_content() -> None:
    """Two errors that say the same are no change; another word, or a loaded model, is one."""
    assert look("gone").content == look("gone").content
    assert look("gone").content != look("slow").content
    assert look().content != look(loaded=True).content


class Doing:
    """A server that does it when it is let, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.go = threading.Event()
        self.error = error

    def load(self, host: str, model: str) -> None:
        self.calls.append((host, model))
        assert self.go.wait(5)
        if self.error:
            raise self.error


def test_a_deed_is_told_while_it_lasts() -> None:
    """Twice the same is one; when it is over, the lists are made anew and nothing is left."""
    server, looked = Doing(), threading.Event()
    deeds = Deeds({"load": server.load}, lambda wait_s: looked.set())
    deeds.start("load", "h", "m", wait_s=0.01)
    deeds.start("load", "h", "m")
    assert deeds.all() == {("h", "m"): Deed("load")}
    deeds.dismiss("h", "m")
    assert deeds.all()
    server.go.set()
    assert looked.wait(5)
    until(lambda: not deeds.all())

    assert server.calls == [("h", "m")]


@pytest.mark.parametrize("error", [Unreachable("gone"), ValueError("a bug")])
def test_what_could_not_be_done_is_told_until_dismissed(error: Exception) -> None:
    """Also after a fault of our own, which must not look like going on for ever."""
    server = Doing(error)
    server.go.set()
    deeds = Deeds({"load": server.load}, lambda wait_s: None)
    deeds.start("load", "h", "m", wait_s=5)

    (failed,) = deeds.all().values()
    assert isinstance(failed.error, AppError)
    assert not failed.under_way
    deeds.dismiss("h", "m")
    assert not deeds.all()


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "–"), (815_319_791, "815 MB"), (3_338_801_804, "3.3 GB"), (42_520_413_916, "42.5 GB")],
)
def test_sizes_are_written_as_the_library_does(count: int | None, said: str) -> None:
    assert size(count) == said
