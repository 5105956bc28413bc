"""Batches of cancelled and deleted jobs: called off at Google, patiently, but not for ever."""

import threading

import pytest

from lib.core.chat import Message, Request
from lib.store.batches import Batch
from lib.work import batch_sweep
from lib.work.app import App
from lib.work.batch_chunk import STUCK_S
from lib.work.batch_send import LISTED_S
from lib.work.batch_sweep import Sweep
from tests.fakes import FakeServer
from tests.unit.batch_chunks import Chunk
from tests.unit.builders import CENT, GEMINI, Clock, wait_until
from tests.unit.crews import fresh


@pytest.fixture
def clock(app: App, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the app's batches."""
    found = Clock()
    monkeypatch.setattr(app.batches, "now", found)
    return found


@pytest.fixture
def sweep(app: App) -> Sweep:
    return Sweep(app, threading.Event())


def stray(app: App) -> Batch:
    """Written down as about to be sent, and its job was cancelled."""
    chunk = Chunk(app, "a text")
    batch = app.batches.begin(chunk.id, 0, GEMINI, [((0,), CENT)])
    app.jobs.move(chunk.id, ("running",), "cancelled")
    return batch


def arrives(app: App, batch: Batch, text: str) -> str:
    """Google has it from now on."""
    assert app.gemini_batch
    (call,) = batch.calls
    request = Request("", (Message("user", fresh(text)),))
    return app.gemini_batch.submit(GEMINI.partition("/")[2], {call: request}, batch.id)


def cancels(fake: FakeServer) -> int:
    """How often Google was asked to end a batch."""
    return sum(call.path.endswith(":cancel") for call in fake.calls)


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_sweep, "FIRST_PAUSE_S", 0.0)


def test_a_batch_on_its_way_is_cancelled_when_it_is_there(
    app: App, sweep: Sweep, clock: Clock, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job was cancelled while Google was still taking it: an empty list proves nothing yet."""
    no_pauses(monkeypatch)
    batch = stray(app)
    clock.time = batch.tried + app.settings.model_timeout_s
    sweep.run()
    assert app.batches.any_open()
    arrives(app, batch, "#batch=stuck")
    sweep.run()

    assert fake.batches.cancelled[-1] == batch.id
    assert not app.batches.any_open()


def test_a_batch_that_never_arrived_is_over(app: App, sweep: Sweep, clock: Clock) -> None:
    """Once it cannot be on its way any more."""
    batch = stray(app)
    clock.time = batch.tried + app.settings.model_timeout_s + LISTED_S + 1
    sweep.run()

    assert not app.batches.any_open()
    assert app.ledger.month().reserved_usd == CENT


def test_a_cancel_that_google_refuses_is_not_repeated_at_once(
    app: App, sweep: Sweep, fake: FakeServer
) -> None:
    """The pause doubles with every try."""
    batch = stray(app)
    app.batches.sent(batch.id, arrives(app, batch, "#batch=clings #takes=60"))
    before = cancels(fake)
    for _ in range(5):
        sweep.run()

    assert cancels(fake) == before + 1
    assert app.batches.any_open()


def test_a_batch_that_ended_cannot_be_cancelled_and_need_not_be(
    app: App, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_pauses(monkeypatch)
    batch = stray(app)
    app.batches.sent(batch.id, arrives(app, batch, "#batch=clings #takes=0.3"))
    sweep.run()
    assert app.batches.any_open()

    assert wait_until(lambda: (sweep.run(), not app.batches.any_open())[1])


def test_a_batch_that_cannot_be_cancelled_is_over_some_day(
    app: App, sweep: Sweep, clock: Clock
) -> None:
    """When Google would have ended it by itself."""
    batch = stray(app)
    app.batches.sent(batch.id, arrives(app, batch, "#batch=clings #takes=60"))
    clock.time = batch.tried + STUCK_S + 1
    sweep.run()

    assert not app.batches.any_open()


def test_nothing_is_begun_when_the_process_ends(app: App, fake: FakeServer) -> None:
    batch, closing = stray(app), threading.Event()
    app.batches.sent(batch.id, arrives(app, batch, "#batch=stuck"))
    before = cancels(fake)
    closing.set()
    Sweep(app, closing).run()

    assert cancels(fake) == before
    assert app.batches.any_open()
