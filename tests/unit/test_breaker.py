"""A host that failed is left alone for growing pauses, and tried by one call at a time."""

from lib.providers.breaker import FIRST_REST_S, LONGEST_REST_S, Breaker
from tests.unit.builders import Clock


def rested_s(breaker: Breaker, clock: Clock) -> float:
    """How many seconds pass until the next call is admitted."""
    began = clock.time
    while not breaker.admits and clock.time < began + 600:
        clock.time += 0.5
    return clock.time - began


def test_pauses_grow_to_a_minute() -> None:
    """Each failed trial doubles the pause, up to a bound."""
    clock = Clock()
    breaker, pauses = Breaker(clock), []
    for _ in range(6):
        breaker.begin()
        breaker.failed()
        pauses.append(rested_s(breaker, clock))

    assert pauses == [FIRST_REST_S, 10.0, 20.0, 40.0, LONGEST_REST_S, LONGEST_REST_S]


def test_an_answer_ends_the_pause_and_the_next_one_is_short_again() -> None:
    """A host that is back is as good as new."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(3):
        breaker.failed()
        rested_s(breaker, clock)
    breaker.answered(breaker.begin())
    admitted = breaker.admits
    breaker.failed()

    assert admitted
    assert rested_s(breaker, clock) == FIRST_REST_S


def test_calls_that_break_together_are_one_failure() -> None:
    """A dead host breaks all its calls; that is no reason to leave it alone for a minute."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(8):
        breaker.failed()

    assert rested_s(breaker, clock) == FIRST_REST_S


def test_one_call_tries_the_host_and_the_others_keep_away() -> None:
    """Until the trial knows; then all may come."""
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.time += FIRST_REST_S
    before = breaker.admits
    trial = breaker.begin()
    clock.time += LONGEST_REST_S
    meanwhile = breaker.admits
    breaker.answered(trial)

    assert (before, meanwhile, breaker.admits) == (True, False, True)


def test_a_trial_that_was_hung_up_on_leaves_its_place_to_the_next() -> None:
    """Whoever stops waiting says nothing about the host, and blocks nobody."""
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.time += FIRST_REST_S
    breaker.begin()
    breaker.undecided()

    assert breaker.admits


def test_an_answer_from_before_the_failure_proves_nothing() -> None:
    """An overloaded host goes on with what it has begun and turns new calls away."""
    clock = Clock()
    breaker = Breaker(clock)
    old = breaker.begin()
    clock.time += 1
    breaker.failed()
    breaker.answered(old)

    assert not breaker.admits
