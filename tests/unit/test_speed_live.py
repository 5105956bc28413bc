"""A speed test while it runs, and how it ends before its time: stopped, deleted, killed."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.errors import Busy
from lib.core.speed import SpeedPlan
from lib.work import speed_run
from lib.work.app import App
from lib.work.speed_tests import SpeedDesk
from tests.fakes import FakeServer
from tests.unit.builders import OLLAMA, VLLM, running, wait_until
from tests.unit.test_speed_facts import nvidia_smi

QUICK = SpeedPlan((1, 2), 40, 16)
LONG = SpeedPlan((1, 2), 40, 4000)  # on `slow`: minutes


@pytest.fixture
def slow() -> Iterator[FakeServer]:
    """A model server that writes two hundred tokens a second."""
    with FakeServer(prefill_tok_s=10_000, decode_tok_s=200) as server:
        yield server


@pytest.fixture
def slow_app(slow: FakeServer, tmp_path: Path) -> Iterator[App]:
    with running(slow, tmp_path) as app:
        yield app


@pytest.fixture
def slow_desk(slow_app: App) -> Iterator[SpeedDesk]:
    with closing(SpeedDesk(slow_app)) as desk:
        yield desk


def test_one_at_a_time(slow_desk: SpeedDesk) -> None:
    """Two would measure each other. When the first has ended, the next may begin."""
    first = slow_desk.start(OLLAMA, LONG)
    with pytest.raises(Busy) as caught:
        slow_desk.start(VLLM, QUICK)
    slow_desk.stop(first.id)
    second = slow_desk.start(OLLAMA, LONG)

    assert "stop it" in caught.value.hint
    assert [test.id for test in slow_desk.all()] == [second.id, first.id]


def test_the_progress_is_told(slow_desk: SpeedDesk) -> None:
    """Streams and round under way, after every round."""
    test = slow_desk.start(OLLAMA, SpeedPlan((1, 2), 40, 64))

    def seen() -> bool:
        seen_now.add(slow_desk.get(test.id).now)
        return slow_desk.get(test.id).state == "done"

    seen_now: set[tuple[int, int] | None] = set()
    assert wait_until(seen, 20)
    assert seen_now >= {None, (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)}


def test_streams_that_suit_the_provider(slow_desk: SpeedDesk) -> None:
    """When nobody says how many; the tokens stay as they were given."""
    plan = slow_desk.start(VLLM, SpeedPlan((), 99, 33)).plan

    assert plan == SpeedPlan((1, 2, 4, 8, 16, 32), 99, 33)


def test_stopping_ends_the_calls_at_once(slow_desk: SpeedDesk, slow: FakeServer) -> None:
    """Finished levels stay, what is under way is hung up."""
    test = slow_desk.start(OLLAMA, SpeedPlan((1, 2), 40, 100))
    assert wait_until(lambda: len(slow_desk.get(test.id).levels) == 1)
    started = time.monotonic()
    found = slow_desk.stop(test.id)

    assert time.monotonic() - started < 1
    assert (found.state, found.now, len(found.levels)) == ("stopped", None, 1)
    assert found.finished is not None
    assert slow.wait_idle()
    assert slow_desk.stop(test.id) == found


def test_a_warm_up_can_be_stopped(slow_desk: SpeedDesk, slow: FakeServer, slow_app: App) -> None:
    """The first call is ended too, and stands in the ledger as stopped."""
    test = slow_desk.start(OLLAMA, LONG)
    assert wait_until(lambda: slow.in_flight == 1)
    found = slow_desk.stop(test.id)

    assert (found.state, found.calls, found.levels) == ("stopped", 1, ())
    assert [row["finish"] for row in slow_app.ledger.rows()] == ["stopped"]


@pytest.fixture
def hanging_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi never answers, so finding out on what a model runs takes seconds."""
    nvidia_smi(tmp_path, monkeypatch)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 30")


def test_looking_for_the_facts_can_be_stopped(
    hanging_driver: None, slow_desk: SpeedDesk, slow: FakeServer
) -> None:
    """Nobody waits until a server or driver has said what it is; the next test may begin."""
    test = slow_desk.start(OLLAMA, SpeedPlan((1,), 40, 16))
    assert wait_until(lambda: len(slow.asked) == 2 and slow.in_flight == 0)
    time.sleep(0.1)
    started = time.monotonic()
    found = slow_desk.stop(test.id)

    assert time.monotonic() - started < 1
    assert (found.state, found.levels) == ("stopped", ())
    assert slow_desk.start(OLLAMA, LONG).state == "running"


def test_facts_that_do_not_come_are_unknown(
    hanging_driver: None, slow_desk: SpeedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while the test goes on without them."""
    monkeypatch.setattr(speed_run, "FACTS_S", 0.2)
    test = slow_desk.start(OLLAMA, SpeedPlan((1,), 40, 16))

    assert wait_until(lambda: slow_desk.get(test.id).now == (1, 1), 2)
    found = slow_desk.get(test.id)
    assert (found.engine, found.engine_version, found.gpu) == ("Ollama", None, None)


def test_the_server_ends(slow_desk: SpeedDesk) -> None:
    """A test that a shutdown broke off was interrupted, and none begins any more."""
    test = slow_desk.start(OLLAMA, LONG)
    slow_desk.close()

    assert slow_desk.get(test.id).state == "interrupted"
    with pytest.raises(Busy):
        slow_desk.start(OLLAMA, QUICK)


def test_after_a_kill(fake: FakeServer, tmp_path: Path, database_url: str) -> None:
    """What a dead process left in its own file is over; on a shared database it may be another
    machine's, whose silence will tell."""
    with running(fake, tmp_path, database_url=database_url) as app, closing(SpeedDesk(app)) as desk:
        left = app.speed_tests.add(OLLAMA, "Ollama", None, QUICK)
        desk.wake()

        assert desk.get(left.id).state == ("interrupted" if app.database.is_sqlite else "running")


def test_another_machine_ends_it(slow_desk: SpeedDesk, slow_app: App, slow: FakeServer) -> None:
    """It learns so with its next sign of life, and asks no more."""
    test = slow_desk.start(OLLAMA, LONG)
    assert wait_until(lambda: slow.in_flight == 1)
    slow_app.speed_tests.end(test.id, "stopped")

    assert wait_until(lambda: slow.in_flight == 0, 4)


def test_deleting_a_running_one(slow_desk: SpeedDesk, slow: FakeServer) -> None:
    """It is ended first; its calls stay in the ledger."""
    test = slow_desk.start(OLLAMA, LONG)
    assert wait_until(lambda: slow.in_flight == 1)
    slow_desk.delete(test.id)

    assert slow.wait_idle()
    assert slow_desk.all() == []
