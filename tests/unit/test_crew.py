"""A crew: as many calls in flight as it may have and no more, none waits for a slow one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.core.chat import Request
from lib.core.errors import Unreachable
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import running, wait_until
from tests.unit.crews import Told, Work, fresh


@contextmanager
def beside(work: Work, *texts: str, first: int = 0) -> Iterator[list[bool]]:
    """The texts are asked in another thread meanwhile; in the end the list says how it went."""
    went: list[bool] = []
    thread = threading.Thread(target=lambda: went.append(work.run(*texts, first=first)))
    thread.start()
    try:
        yield went
    finally:
        thread.join(10)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_as_many_calls_are_in_flight_as_it_may_have_and_never_more(
    tmp_path: Path, size: int
) -> None:
    """The fake answers nobody before `size` calls are inside at once."""
    with FakeServer(gather=size, latency_s=0.005) as fake, running(fake, tmp_path) as app:
        work = Work(app, size)

        assert work.run(*(f"{n} eggs" for n in range(60)))
        assert work.labels == ["eggs"] * 60
        assert fake.max_in_flight == size


def test_no_row_waits_for_a_slow_one(app: App) -> None:
    """One call says nothing at all; everything else is done meanwhile."""
    work, slow = Work(app, 2), fresh("#fault=hang")
    with beside(work, slow, *(fresh("eggs") for _ in range(20))) as went:
        assert wait_until(lambda: len(work.results) == 20)
        assert 0 not in work.results
        work.crew.hang_up()

    assert went == [False]


def test_repeats_come_before_new_rows(app: App) -> None:
    """So rows are finished one after the other, and little is lost when a job is stopped."""
    said = iter(["no", "eggs", "eggs"])
    provider = Told(lambda _: next(said))
    Work(app, provider=provider).run("one", "two")

    assert [request.messages[-1].text for request in provider.asked] == ["one", "one", "two"]


@pytest.mark.parametrize("size", [1, 4])
def test_results_are_stored_before_the_next_call(app: App, size: int) -> None:
    """A kill loses at most the calls in flight."""
    log: list[int] = []

    def say(_: Request) -> str:
        log.append(+1)
        return "eggs"

    work = Work(
        app, size, provider=Told(say), before_storing=lambda rows: log.extend([-1] * len(rows))
    )
    work.run(*(f"{n}" for n in range(100)))

    unstored = [sum(log[:i]) for i in range(1, len(log) + 1)]
    assert max(unstored) <= size
    assert unstored[-1] == 0


def test_batches_share_the_crew_and_end_on_their_own(app: App) -> None:
    """Nobody waits for rows of another chunk."""
    work = Work(app, 2)
    with beside(work, fresh("#fault=hang")) as went:
        assert work.run(*(fresh("ham") for _ in range(5)), first=1)
        assert went == []
        work.crew.hang_up()

    assert work.labels == ["ham"] * 5


def test_no_rows_are_done_at_once(app: App) -> None:
    assert Work(app).run()


def test_stop_lets_calls_under_way_finish_and_makes_no_other(app: App, fake: FakeServer) -> None:
    work, texts = Work(app, 2), [fresh("ham #slow=0.3") for _ in range(6)]
    with beside(work, *texts) as went:
        assert wait_until(lambda: {*texts[:2]} <= fake.texts.keys())
        work.crew.stop()
        assert work.crew.wait_idle(5)

    assert went == [False]
    assert (sorted(work.results), work.labels) == ([0, 1], ["ham", "ham"])
    assert [text in fake.texts for text in texts] == [True] * 2 + [False] * 4
    assert work.crew.error is None


def test_hang_up_breaks_calls_off_and_their_rows_stay_unasked(app: App, fake: FakeServer) -> None:
    work, texts = Work(app, 3), [fresh("#fault=hang"), fresh("#fault=hang")]
    with beside(work, *texts) as went:
        assert wait_until(lambda: {*texts} <= fake.texts.keys())
        work.crew.hang_up()
        assert work.crew.wait_idle(5)

    assert (went, work.results, work.crew.error) == ([False], {}, None)
    assert [row["finish"] for row in app.ledger.rows()] == ["stopped", "stopped"]
    assert fake.wait_idle()


def test_a_stopped_crew_takes_no_rows(app: App, fake: FakeServer) -> None:
    work, text = Work(app), fresh("ham")
    work.crew.stop()

    assert not work.run(text)
    assert text not in fake.texts


def test_stop_ends_a_wait_for_the_next_try_at_once(app: App, fake: FakeServer) -> None:
    """Busy servers may ask for half a minute."""
    work, text = Work(app), fresh("ham #fault=busy")
    with beside(work, text) as went:
        assert wait_until(lambda: text in fake.texts)
        assert wait_until(lambda: all(row["error"] for row in app.ledger.rows()))
        work.crew.stop()
        assert work.crew.wait_idle(5)

    assert (went, work.results) == ([False], {})


def test_what_unfinished_rows_took_is_told_when_it_stops(app: App) -> None:
    """They were paid for: one of three votes is in, a second one comes home after the stop."""

    def say(_: Request) -> str:
        if len(provider.asked) == 2:
            work.crew.stop()
        return "ham"

    provider = Told(say)
    work = Work(app, provider=provider, votes=3)

    assert not work.run("one", "two")
    assert (work.results, list(work.took)) == ({}, [0])
    assert work.took[0].usage.input_tokens == 20


def test_a_size_may_grow_and_shrink_while_it_works(tmp_path: Path) -> None:
    with FakeServer(gather=4) as fake, running(fake, tmp_path) as app:
        beside_it: list[int] = []

        def shrink(_: list[int]) -> None:
            beside_it.append(fake.in_flight)
            work.crew.resize(1)

        work = Work(app, 1, before_storing=shrink)
        with beside(work, *(f"{n} ham" for n in range(20))) as went:
            assert wait_until(lambda: fake.in_flight == 1)
            work.crew.resize(4)

    assert (went, fake.max_in_flight) == ([True], 4)
    assert set(beside_it[4:]) == {0}


def test_a_result_that_cannot_be_stored_stops_the_crew(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls whose answers are lost are not to be made; the log names no text."""

    def fails(_: list[int]) -> None:
        raise RuntimeError("the disk is full: secret text")

    work = Work(app, 2, provider=Told(lambda _: "ham"), before_storing=fails)

    assert not work.run(*"abcdefgh")
    assert work.halted_by == "bad_reply"
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_stop_that_cannot_store_what_rows_took_does_not_hang(app: App) -> None:
    def fails(_: list[int]) -> None:
        raise RuntimeError

    def say(_: Request) -> str:
        work.crew.stop()
        raise Unreachable("It is busy.", retry_after_s=30.0)

    work = Work(app, 2, provider=Told(say), before_storing=fails)

    assert not work.run("one", "two")
    assert work.crew.wait_idle(5)
