"""An answer is written by the server; readers come and go, and may stop it."""

import logging
import threading
import time

import pytest

from lib.core.chat import Finish, Text, Thought
from lib.core.errors import BadReply, RateLimited
from lib.providers.line import Line
from lib.work.app import App
from lib.work.generation import Generation, Pieces, stop
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA
from tests.unit.generations import finished, generate


def test_pieces_and_receipt_are_kept(app: App) -> None:
    """After the end the whole answer, its pieces and its receipt are there for any reader."""
    generation = finished(generate(app, "one two three"))

    assert generation.text == "one two three"
    assert generation.texts == ["one", " two", " three"]
    assert generation.receipt is not None
    assert generation.receipt.finish is Finish.STOP
    assert generation.error is None


def test_thoughts_are_kept_apart(app: App) -> None:
    """What the model thought is readable on its own."""
    generation = finished(generate(app, "one two #think=2"))

    assert generation.thought == "t1 t2"
    assert generation.text == "one two"


def test_waiting_ends_with_every_new_piece(app: App) -> None:
    """A reader who has seen n pieces wakes up for the next, and at the end."""
    generation = generate(app, "#tokens=4 #pace=0.15")
    seen, counts = 0, []
    while not generation.done:
        seen = generation.wait(seen, timeout_s=5)
        counts.append(seen)

    assert counts[0] >= 1
    assert len(counts) >= 3
    assert counts == sorted(counts)
    assert seen == 4


def test_waiting_gives_up_in_time(app: App) -> None:
    """A reader never waits longer than it wants to."""
    generation = generate(app, "hello #slow=5")
    started = time.monotonic()
    count = generation.wait(0, timeout_s=0.2)
    generation.stop()

    assert count == 0
    assert time.monotonic() - started < 1


def test_a_listener_hears_every_piece_and_the_end(app: App) -> None:
    """A reader is told after each piece, and once more when the answer is complete."""
    heard: list[tuple[int, bool]] = []
    generation = generate(app, "#tokens=3 #slow=0.3 #pace=0.05")
    generation.listen(lambda: heard.append((len(generation.texts), generation.done)))
    finished(generation)

    assert heard[0] == (0, False)
    assert {(1, False), (2, False), (3, False)} <= set(heard)
    assert heard[-1] == (3, True)


def test_a_late_listener_hears_at_once(app: App) -> None:
    """Whoever comes after the end is told that it is over."""
    generation = finished(generate(app, "one"))
    heard: list[bool] = []
    generation.listen(lambda: heard.append(generation.done))

    assert heard == [True]


def test_a_failing_reader_does_not_stop_the_writing(app: App) -> None:
    """A page that has gone and fails when told changes nothing for the answer and the others."""
    heard: list[int] = []
    generation = generate(app, "one two three #slow=0.3")
    calls = iter([None])

    def fail_later() -> None:
        if next(calls, "gone") == "gone":
            raise RuntimeError("the page is gone")

    generation.listen(fail_later)
    generation.listen(lambda: heard.append(len(generation.texts)))
    finished(generation)

    assert generation.text == "one two three"
    assert generation.receipt is not None
    assert heard[-1] == 3


@pytest.mark.parametrize("model", [GEMINI, OLLAMA])
def test_stopping_while_the_prompt_is_read(app: App, fake: FakeServer, model: str) -> None:
    """Stop works before the first word, and the provider is hung up on."""
    generation = generate(app, "hello #slow=30", model)
    time.sleep(0.3)
    started = time.monotonic()
    generation.stop()
    finished(generation)

    assert time.monotonic() - started < 2
    assert generation.text == ""
    assert generation.receipt is not None
    assert generation.receipt.finish is Finish.STOPPED
    assert fake.wait_idle()


def test_stopping_in_mid_answer_keeps_what_was_said(app: App) -> None:
    """The words so far stay, with a receipt that says stopped."""
    generation = generate(app, "#tokens=200 #pace=0.05")
    generation.wait(2, timeout_s=5)
    generation.stop()
    finished(generation)

    assert generation.text.startswith("w1 w2")
    assert generation.receipt is not None
    assert generation.receipt.finish is Finish.STOPPED


def test_stopping_after_the_end_changes_nothing(app: App) -> None:
    """A late click on Stop does no harm."""
    generation = finished(generate(app, "one two"))
    generation.stop()

    assert generation.receipt is not None
    assert generation.receipt.finish is Finish.STOP


def test_an_error_is_kept_with_what_was_said(app: App) -> None:
    """A failed answer has its error instead of a receipt, and the words before it."""
    generation = finished(generate(app, "one two three four #fault=mid_error"))
    refused = finished(generate(app, "one #fault=rate_limited"))

    assert generation.text == "one two"
    assert generation.error is not None
    assert generation.receipt is None
    assert isinstance(refused.error, RateLimited)
    assert refused.error.retry_after_s == 37


def test_an_unforeseen_failure_never_shows_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """A bug becomes a plain error; neither error nor log holds what the exception said."""

    def broken(line: Line) -> Pieces:
        yield Text("half")
        raise KeyError("the secret prompt")

    with caplog.at_level(logging.DEBUG):
        generation = finished(Generation(broken, wait_s=1))

    assert isinstance(generation.error, BadReply)
    assert generation.text == "half"
    assert "secret" not in str(generation.error) + generation.error.hint + caplog.text
    assert "KeyError" in caplog.text


def test_the_writer_does_not_need_a_reader() -> None:
    """The answer goes on to its end though nobody ever looks."""
    ended = threading.Event()

    def alone(line: Line) -> Pieces:
        yield Thought("hm")
        yield Text("done")
        ended.set()

    Generation(alone, wait_s=1)

    assert ended.wait(2)


def test_who_left_hears_no_more(app: App) -> None:
    """After unlisten nothing is told to the one, while others go on; leaving twice is no error."""
    left: list[int] = []
    stayed: list[int] = []
    generation = generate(app, "#tokens=3 #slow=0.3")

    def leaving() -> None:
        left.append(len(generation.texts))

    generation.listen(leaving)
    generation.listen(lambda: stayed.append(len(generation.texts)))
    generation.unlisten(leaving)
    generation.unlisten(leaving)
    finished(generation)

    assert left == [0]
    assert stayed[-1] == 3


def test_stopping_all_begins_none(app: App) -> None:
    """When those before and those behind are stopped together, no queued one is asked."""
    first = generate(app, "#slow=5")
    others: list[Generation] = []
    for _ in range(3):
        others.append(generate(app, "never", after=(first, *others)))
    stop([first, *others])
    for one in (first, *others):
        finished(one)

    assert [one.began for one in others] == [None, None, None]
    assert len(app.ledger.rows()) == 1


def test_a_readers_bookkeeping_does_not_grow_with_the_answer() -> None:
    """A long answer is taken in piece by piece: the work per piece stays the same."""
    pieces = 200_000

    def long(line: Line) -> Pieces:
        for _ in range(pieces):
            yield Text("x")

    heard = [0]

    def hear() -> None:
        heard[0] += 1

    generation = Generation(long, wait_s=1)
    generation.listen(hear)
    finished(generation)

    assert len(generation.text) == pieces
    assert heard[0] <= pieces + 2
