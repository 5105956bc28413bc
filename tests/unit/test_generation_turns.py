"""Answers of one machine take turns."""

import time

from lib.work.app import App
from lib.work.ask import ask
from lib.work.generation import Generation
from tests.fakes import FakeServer
from tests.unit.builders import OLLAMA, prompt
from tests.unit.generations import finished, generate


def test_a_queued_answer_waits_for_all_before_it(app: App, fake: FakeServer) -> None:
    """Its call is made when the last of them has ended; until then it has not begun."""
    one = generate(app, "one #slow=0.2")
    two = generate(app, "two #slow=0.4")
    queued = generate(app, "three", after=(one, two))
    time.sleep(0.1)
    waiting, calls = queued.began, len(app.ledger.rows())
    finished(queued)

    assert (waiting, calls) == (None, 2)
    assert one.done
    assert two.done
    assert queued.text == "three"
    assert queued.began is not None
    assert queued.began - queued.started >= 0.3
    assert one.began is not None


def test_waiting_for_its_turn_is_no_waiting_for_the_first_token(app: App) -> None:
    """A model that is slow but in time is not timed out because it stood in the queue."""
    choice = app.models.find(OLLAMA)
    before = generate(app, "one #slow=0.8", OLLAMA)
    queued = Generation(
        lambda line: ask(app, choice, prompt("two #slow=0.4"), "chat", line), 0.6, (before,)
    )
    finished(queued)

    assert queued.error is None
    assert queued.text == "two"
    assert queued.receipt is not None
    assert queued.receipt.ttft_ms is not None
    assert queued.receipt.ttft_ms < 600


def test_an_answer_that_failed_is_no_reason_to_wait(app: App) -> None:
    """The next one's turn comes however the one before ended."""
    failed = generate(app, "one #fault=unavailable")
    queued = finished(generate(app, "two", after=(failed,)))

    assert failed.error is not None
    assert queued.text == "two"


def test_stopped_in_the_queue_it_is_never_asked(app: App, fake: FakeServer) -> None:
    """Stop ends the waiting at once: no call, no row in the ledger, neither receipt nor error."""
    told: list[str] = []
    before = generate(app, "#slow=5")
    queued = generate(app, "never", after=(before,), unasked=lambda: told.append("unasked"))
    queued.stop()
    finished(queued)
    still = before.done
    before.stop()
    finished(before)

    assert not still
    assert told == ["unasked"]
    assert (queued.text, queued.receipt, queued.error, queued.began) == ("", None, None, None)
    assert len(app.ledger.rows()) == 1
    assert "never" not in str(fake.calls[-1].body)
