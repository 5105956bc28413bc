"""The sums of a speed test, on schedules whose true speed is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.speed import Interval
from lib.core.speed_sums import STUDENT_T, TimedCall, interval, level, round_speed

RATES = st.floats(1, 10_000)


def call(
    begins: float, tokens: int, tok_s: float, read: int = 100, piece: int = 1, sent: float = 0.0
) -> TimedCall:
    """An answer of so many tokens at that speed, in pieces of `piece` tokens."""
    pieces = tuple(begins + n / tok_s for n in range(0, tokens, piece))
    return TimedCall(sent, pieces, read, tokens)


@given(ttft_s=st.floats(0.01, 100), read=st.integers(1, 10_000), tok_s=RATES)
def test_one_stream(ttft_s: float, read: int, tok_s: float) -> None:
    """Prompt ÷ time to the first token; the tokens behind the first ÷ the time they took."""
    found = round_speed([call(ttft_s, 64, tok_s, read)])

    assert found is not None
    assert found.served == 1
    assert found.prompt_tok_s == pytest.approx(read / ttft_s)
    assert found.answer_tok_s == pytest.approx(tok_s)


@given(piece=st.sampled_from([1, 2, 4, 8]), tok_s=RATES)
def test_pieces_of_several_tokens(piece: int, tok_s: float) -> None:
    """However many tokens come in a piece, the speed is theirs."""
    found = round_speed([call(1.0, 64, tok_s, piece=piece)])

    assert found is not None
    assert found.answer_tok_s == pytest.approx(tok_s)


@given(streams=st.integers(1, 16), prefill=st.floats(100, 100_000), tok_s=st.floats(5, 50))
def test_prompts_read_in_turn_and_answers_side_by_side(
    streams: int, prefill: float, tok_s: float
) -> None:
    """A batching GPU: its reading speed, and the streams' speeds added up."""
    reading_s = 100 / prefill
    calls = [call((n + 1) * reading_s, 256, tok_s) for n in range(streams)]
    found = round_speed(calls)

    assert found is not None
    assert found.prompt_tok_s == pytest.approx(prefill)
    if streams * reading_s < 128 / tok_s:  # else they are hardly ever side by side
        assert found.served == streams
        # Where all run together a stream's tokens may just miss either end.
        window_s = 255 / tok_s - (streams - 1) * reading_s
        assert found.answer_tok_s == pytest.approx(streams * tok_s, abs=streams / window_s)


@given(streams=st.integers(2, 16), tok_s=RATES, read=st.integers(1, 1000))
def test_a_server_that_answers_one_after_another(streams: int, tok_s: float, read: int) -> None:
    """Its speeds are those of one stream, however many wait; the wait is no reading."""
    one_s = 1 + 63 / tok_s
    calls = [call(1 + n * one_s, 64, tok_s, read) for n in range(streams)]
    found = round_speed(calls)

    assert found is not None
    assert found.served == 1
    assert found.prompt_tok_s == pytest.approx(read)
    assert found.answer_tok_s == pytest.approx(tok_s)


def test_two_at_a_time() -> None:
    """Four streams on two places: the speeds of two."""
    calls = [call(1, 64, 50), call(1, 64, 50), call(3, 64, 50), call(3, 64, 50)]
    found = round_speed(calls)

    assert found is not None
    assert found.served == 2
    assert found.prompt_tok_s == pytest.approx(200)
    assert found.answer_tok_s == pytest.approx(100)


def test_answers_that_touch_are_not_side_by_side() -> None:
    """A moment's overlap, as two threads see it, makes no second stream."""
    found = round_speed([call(1, 64, 50), call(1 + 63 / 50 - 0.01, 64, 50)])

    assert found is not None
    assert found.served == 1


def test_what_the_server_knew_was_not_read() -> None:
    """Tokens from its cache are no reading speed."""
    found = round_speed([TimedCall(0.0, (1.0, 2.0), 512, 2, cached_tokens=500)])

    assert found is not None
    assert found.prompt_tok_s == pytest.approx(12)


def test_what_cannot_be_known() -> None:
    """No calls, a single piece, a prompt known by heart: nothing is made up."""
    one_piece = round_speed([TimedCall(0.0, (1.0,), 100, 20)])
    known = round_speed([TimedCall(0.0, (1.0, 2.0), 100, 2, cached_tokens=100)])

    assert round_speed([]) is None
    assert one_piece is not None
    assert one_piece.answer_tok_s is None
    assert known is not None
    assert known.prompt_tok_s is None


def test_a_level_of_rounds() -> None:
    """Means with their intervals, first tokens by nearest rank, failed calls counted apart."""
    rounds = [[call(ttft_s, 64, 50, 512)] for ttft_s in (1.0, 1.0, 2.0)]
    found = level(1, rounds, failed=1)

    assert (found.streams, found.served, found.rounds) == (1, 1, 3)
    assert (found.calls, found.failed) == (4, 1)
    assert (found.input_tokens, found.output_tokens) == (512, 64)
    assert (found.ttft_p50_ms, found.ttft_p95_ms) == (1000, 2000)
    assert found.prompt_tok_s == interval([512, 512, 256])
    assert found.answer_tok_s is not None
    assert found.answer_tok_s.is_close
    assert not found.is_settled


def test_a_round_with_fewer_streams_is_not_averaged_in() -> None:
    """When one of two calls failed, what the other did alone is no speed of two."""
    both = [call(1, 64, 50), call(1, 64, 50)]
    found = level(2, [both, both[:1], both], failed=1)

    assert found.served == 2
    assert found.answer_tok_s is not None
    assert found.answer_tok_s.value == pytest.approx(100)
    assert found.calls == 6


def test_a_level_without_a_usable_call() -> None:
    """It is there, and says that nothing is known."""
    found = level(4, [[]], failed=4)

    assert (found.served, found.calls, found.failed) == (0, 4, 4)
    assert found.prompt_tok_s is found.answer_tok_s is None
    assert found.ttft_p50_ms is found.ttft_p95_ms is None
    assert not found.is_settled


def test_more_rounds_until_it_stands_still() -> None:
    """Three equal rounds are enough, two never are, and scattered ones go on."""
    same = [call(1, 64, 50)]

    assert not level(1, [same] * 2, 0).is_settled
    assert level(1, [same] * 3, 0).is_settled
    assert not level(1, [same, same, [call(1, 64, 40)]], 0).is_settled


def test_an_interval_by_hand() -> None:
    """10, 12 and 14: mean 12, deviation 2, so ± 4.303 × 2 ÷ √3."""
    found = interval([10, None, 12, 14])

    assert found is not None
    assert found.value == 12
    assert found.high == pytest.approx(12 + 4.303 * 2 / math.sqrt(3))
    assert found.low == pytest.approx(12 - 4.303 * 2 / math.sqrt(3))


def test_an_interval_of_little() -> None:
    """One value has none, no value is unknown, and no speed is below zero."""
    assert interval([7.0]) == Interval(7.0, None, None)
    assert interval([None]) is None
    assert interval([1.0, 100.0]) == Interval(50.5, 0.0, pytest.approx(679.5, abs=1))


def test_the_quantiles_are_students() -> None:
    """As scipy has them."""
    from scipy.stats import t

    assert pytest.approx([t.ppf(0.975, n) for n in range(1, 10)], abs=6e-4) == list(STUDENT_T)
