"""A job asks as fast as its concurrency allows; after a refusal it waits and asks more slowly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.work.pace import LONGEST_WAIT_S, Pace, backoff_s
from tests.unit.builders import Clock


def clock_on(clock: Clock):
    def wait(seconds: float) -> None:
        clock.time += seconds

    return wait


def test_without_a_refusal_nobody_waits() -> None:
    """However many ask: only the number of calls in flight holds them."""
    pace, waits = Pace(Clock()), []
    for _ in range(1000):
        pace.turn(waits.append)
        pace.went_through()

    assert waits == []


def test_after_a_refusal_nobody_asks_before_the_time_the_provider_gave() -> None:
    clock = Clock()
    pace = Pace(clock)
    sent_at = pace.turn(clock_on(clock))
    pace.refused(sent_at, 37.0)

    assert pace.turn(clock_on(clock)) >= sent_at + 37.0


def test_a_later_refusal_of_the_same_burst_may_only_lengthen_the_wait() -> None:
    """They are answers to one mistake: the rate is not cut for each of them."""
    clock = Clock()
    pace = Pace(clock)
    sent = [pace.turn(clock_on(clock)) for _ in range(20)]
    clock.time += 0.1
    pace.refused(sent[0], 2.0)
    for sent_at in sent[1:]:
        pace.refused(sent_at, 5.0)
    first = pace.turn(clock_on(clock))
    second = pace.turn(clock_on(clock))

    assert first >= sent[0] + 5.1
    assert second - first < 60


def test_refusals_that_give_no_time_make_the_waits_longer_up_to_a_minute() -> None:
    clock = Clock()
    pace = Pace(clock)
    sent_at, waits = pace.turn(clock_on(clock)), []
    for _ in range(12):
        pace.refused(sent_at, None)
        before, sent_at = clock.time, pace.turn(clock_on(clock))
        waits.append(sent_at - before)

    assert waits[:8] == pytest.approx([0.5, 1, 2, 4, 8, 16, 32, LONGEST_WAIT_S])


def test_a_job_may_run_for_days_after_a_single_refusal() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.refused(pace.turn(clock_on(clock)), 1.0)
    for _ in range(100):
        clock.time += 3600.0
        pace.turn(clock_on(clock))
        pace.went_through()


def test_a_stop_while_waiting_goes_through_to_the_asker() -> None:
    pace = Pace(Clock())
    pace.refused(pace.turn(lambda _: None), 60.0)

    def stopped(_: float) -> None:
        raise InterruptedError

    for _ in range(2):  # the turn is free again for the next one
        with pytest.raises(InterruptedError):
            pace.turn(stopped)


@given(st.integers(1, 20), st.floats(0, 1))
def test_repeats_wait_longer_each_time_with_half_of_it_left_to_chance(repeats, chance) -> None:
    """So calls that failed together do not come back together; never more than 20 seconds."""
    longest = min(20.0, 0.25 * 2 ** (repeats - 1))

    assert longest / 2 <= backoff_s(repeats, None, lambda: chance) <= longest


def test_a_repeat_waits_as_long_as_the_provider_said() -> None:
    assert backoff_s(3, 7.5) == 7.5
