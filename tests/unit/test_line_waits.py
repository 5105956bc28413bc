"""How long the line waits for the next piece, and how it reads a long answer."""

import pytest

from lib.providers.line import SIP_S, SIP_SHARE, Line
from tests.unit.builders import Clock


def test_the_wait_for_the_first_token_shrinks() -> None:
    """Before the first token all waits together get `wait_s`, and never less than a moment."""
    clock = Clock()
    line = Line(60, clock)
    clock.time += 45
    left = line.left_s()
    clock.time += 45

    assert left == pytest.approx(15)
    assert 0 < line.left_s() < 0.01


def test_after_the_first_token_every_silence_counts_anew() -> None:
    """Once an answer has begun, each pause may last `wait_s`, however long the answer is."""
    clock = Clock()
    line = Line(60, clock)
    line.first_token()
    clock.time += 1000

    assert line.left_s() == 60


def test_waiting_for_its_turn_takes_nothing_from_the_first_token() -> None:
    """A call that was queued has its whole wait from when it is made."""
    clock = Clock()
    line = Line(60, clock)
    clock.time += 50
    line.begin()

    assert line.left_s() == 60


def test_before_the_first_token_nothing_is_held_back() -> None:
    """The first token is read the moment it comes."""
    clock = Clock()
    line = Line(60, clock)
    clock.time += 10

    assert line.sip_s() == 0


def test_a_long_answer_is_read_in_sips() -> None:
    """Reads that follow each other closely are spaced out; after a silence there is no wait."""
    clock = Clock()
    line = Line(60, clock)
    line.first_token()
    clock.time += 100
    after_silence = line.sip_s()
    clock.time += 0.01
    closely = line.sip_s()

    assert after_silence <= 0
    assert closely == pytest.approx(SIP_S - 0.01)


def test_sips_change_a_short_answers_speed_by_little() -> None:
    """What is held back is a small share of the time since the first token."""
    clock = Clock()
    line = Line(60, clock)
    line.first_token()
    began, shares = clock.time, []
    for _ in range(50):
        clock.time += 0.002
        pause = max(0.0, line.sip_s())
        clock.time += pause
        shares.append(pause / (clock.time - began))

    assert max(shares) <= SIP_SHARE + 1e-9


def test_who_measures_reads_every_token_as_it_comes() -> None:
    """Without sips nothing is held back, however long the answer is."""
    clock = Clock()
    line = Line(60, clock, sips=False)
    line.first_token()
    clock.time += 100
    line.sip_s()

    assert line.sip_s() == 0
