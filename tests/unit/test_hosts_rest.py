"""A host that fails rests; one call tries it, and a list or a first word brings it back."""

import threading
from contextlib import ExitStack, closing

import pytest

from lib.core.chat import ModelInfo
from lib.core.errors import (
    AppError,
    BadReply,
    NoConnection,
    TimedOut,
    Unreachable,
)
from lib.providers.breaker import FIRST_REST_S
from tests.unit.builders import Clock
from tests.unit.host_calls import (
    answered_by,
    call,
    everywhere,
    hosts,
    open_calls,
    rested,
    saying,
)


@pytest.mark.parametrize("error", [NoConnection("x"), Unreachable("x"), TimedOut("x")])
def test_a_dead_host_rests_and_comes_back(error: AppError) -> None:
    """After a call that did not reach it a host gets none for a while, then again."""
    clock = Clock()
    several = hosts("ab", clock)
    for _ in range(2):  # one of them goes to a
        call(several, {"a": error})
    meanwhile = set(answered_by(several, 6))
    clock.time += FIRST_REST_S
    later = set(answered_by(several, 2))

    assert meanwhile == {"b"}
    assert later == {"a", "b"}


def test_after_its_rest_one_call_tries_it_and_the_others_keep_away() -> None:
    """A host that takes ten seconds to say nothing holds up one call, not every second one."""
    several = rested(Clock())
    trying, may_answer = threading.Event(), threading.Event()

    def slow(address: str, _: str) -> None:
        if address == "a":
            trying.set()
            may_answer.wait(5)

    def ask_until_it_is_tried() -> None:
        while not trying.is_set():
            several.call("", slow)

    trial = threading.Thread(target=ask_until_it_is_tried)
    trial.start()
    assert trying.wait(5)
    others = answered_by(several, 6)
    may_answer.set()
    trial.join(5)

    assert set(others) == {"b"}
    assert set(answered_by(several, 2)) == {"a", "b"}


def test_a_first_word_ends_the_trial() -> None:
    """The others need not wait for the end of a long answer."""
    several = rested(Clock())
    with ExitStack() as stack:
        asked: list[str] = []
        both = [stack.enter_context(closing(several.stream("", saying({}, asked)))) for _ in "ab"]
        for events in both:
            next(events)
        before = open_calls(several, 1, stack)
        for events in both:
            next(events)
        after = open_calls(several, 1, stack)

    assert sorted(asked) == ["a", "b"]
    assert (before, after) == (["b"], ["a"])


def test_a_list_that_comes_ends_the_rest() -> None:
    """Whoever opens a page finds out that the host is back, at no cost."""
    several = hosts("ab")
    for _ in range(2):
        call(several, everywhere(NoConnection("x"), "a"))
    before = set(answered_by(several, 4))
    several.list_models(lambda _: [])

    assert before == {"b"}
    assert set(answered_by(several, 4)) == {"a", "b"}


def test_a_list_that_does_not_come_begins_one() -> None:
    """The next call need not find out again."""
    several = hosts("ab")

    def ask(address: str) -> list[ModelInfo]:
        if address == "a":
            raise NoConnection("x")
        return []

    several.list_models(ask)

    assert set(answered_by(several, 4)) == {"b"}


def test_another_error_is_no_reason_to_rest() -> None:
    """A host that answered, however badly, is alive."""
    several = hosts("ab")
    call(several, everywhere(BadReply("x"), "ab"))

    assert set(answered_by(several, 4)) == {"a", "b"}
