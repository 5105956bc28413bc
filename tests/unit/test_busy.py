"""A machine's seconds are shared by the calls it serves at the same time."""

import pytest

from lib.work.busy import Busy


def test_a_call_alone_has_the_machine_to_itself() -> None:
    end = Busy().begin(10.0)

    assert end(13.0) == pytest.approx(3)


def test_calls_at_the_same_time_share_it() -> None:
    """One for four seconds, another beside it for the second two: 2 + 1 and 1."""
    busy = Busy()
    first, second = busy.begin(10.0), busy.begin(12.0)

    assert (first(14.0), second(14.0)) == (pytest.approx(3), pytest.approx(1))


def test_an_idle_machine_costs_no_call_anything() -> None:
    busy = Busy()
    busy.begin(0.0)(1.0)
    end = busy.begin(100.0)

    assert end(101.0) == pytest.approx(1)


def test_all_calls_together_cost_the_time_the_machine_was_busy() -> None:
    busy = Busy()
    shares, open_calls = 0.0, []
    for step in range(50):
        open_calls.append(busy.begin(float(step)))
        if step % 3 == 2:
            shares += open_calls.pop(0)(step + 0.5)
    shares += sum(end(50.0) for end in open_calls)

    assert shares == pytest.approx(50)
