"""The sums of a speed test: from the moments answers came at to tokens a second.

The calls of a round start together. Of each is known when it was sent, when the pieces of its
answer came (seconds of one clock), and what the server counted. A piece holds one token or several;
those of one answer are taken to hold equally many.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lib.core.percentile import nearest_rank
from lib.core.speed import Interval, Level

# So long, as a share of the time in which anything was answered, must streams have run side by side
# to count as served at once: two answers that only touch each other did not.
SIDE_BY_SIDE = 0.10

# Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1.
# Source: https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm
STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True, slots=True)
class TimedCall:
    """An answered call; `pieces` are moments in order, at least one.

    `output_tokens` are those the pieces hold, `cached_tokens` those of the input that the server
    did not read because it knew them.
    """

    sent: float
    pieces: tuple[float, ...]
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0

    @property
    def first(self) -> float:
        return self.pieces[0]

    @property
    def last(self) -> float:
        return self.pieces[-1]

    def tokens_within(self, after: float, until: float) -> float:
        """Tokens that came in that time; those of the first piece belong to reading the prompt."""
        pieces = bisect_right(self.pieces, until) - bisect_right(
            self.pieces, max(after, self.first)
        )
        return max(0, pieces) * self.output_tokens / len(self.pieces)


@dataclass(frozen=True, slots=True)
class RoundSpeed:
    """One round's speeds, totals over the `served` streams that were answered at once."""

    served: int
    prompt_tok_s: float | None
    answer_tok_s: float | None


def round_speed(calls: Sequence[TimedCall]) -> RoundSpeed | None:
    """What a round's calls tell; None without calls.

    served: the most streams answering at once, each from its first piece to its last, for at least
    `SIDE_BY_SIDE` of the time. A server that answers one after another has 1.
    answer_tok_s: tokens that came while so many were answering ÷ that time. So neither the start
    and the end of a round nor the reading of other prompts makes it smaller.
    prompt_tok_s: the prompt tokens of the first `served` calls that answered ÷ the time from the
    round's start to the last of their first pieces. Calls beyond those were waiting for a place.
    """
    if not calls:
        return None
    stretches = _stretches(calls)
    served = _served(stretches)
    full = [(since, until) for since, until, answering in stretches if answering >= served]
    written = sum(call.tokens_within(*stretch) for call in calls for stretch in full)
    first = sorted(calls, key=lambda call: call.first)[:served]
    read = sum(call.input_tokens - call.cached_tokens for call in first)
    reading_s = first[-1].first - min(call.sent for call in calls)
    return RoundSpeed(served, _rate(read, reading_s), _rate(written, _seconds(full)))


def level(streams: int, rounds: Sequence[Sequence[TimedCall]], failed: int) -> Level:
    """All rounds with so many streams; `failed` calls are counted and left out of all sums.

    The speeds are those of the rounds in which most streams were served: others tell the speed of
    fewer streams.
    """
    calls = [call for one in rounds for call in one]
    speeds = [speed for one in rounds if (speed := round_speed(one))]
    served = max((speed.served for speed in speeds), default=0)
    full = [speed for speed in speeds if speed.served == served]
    waits_ms = [1000 * (call.first - call.sent) for call in calls]
    return Level(
        streams=streams,
        served=served,
        rounds=len(rounds),
        calls=len(calls) + failed,
        failed=failed,
        input_tokens=_mean([call.input_tokens for call in calls]),
        output_tokens=_mean([call.output_tokens for call in calls]),
        prompt_tok_s=interval([speed.prompt_tok_s for speed in full]),
        answer_tok_s=interval([speed.answer_tok_s for speed in full]),
        ttft_p50_ms=nearest_rank(waits_ms, 50),
        ttft_p95_ms=nearest_rank(waits_ms, 95),
    )


def interval(values: Sequence[float | None]) -> Interval | None:
    """The mean of the known values and its 95 % interval by Student's t; None without values."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = _mean(known)
    if len(known) == 1:
        return Interval(mean, None, None)
    spread = math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1)
    quantile = STUDENT_T[min(len(known) - 1, len(STUDENT_T)) - 1]
    error = quantile * math.sqrt(spread / len(known))
    return Interval(mean, max(0.0, mean - error), mean + error)


def _stretches(calls: Sequence[TimedCall]) -> list[tuple[float, float, int]]:
    """(since, until, how many were answering all that time), in order."""
    edges = sorted({edge for call in calls for edge in (call.first, call.last)})
    return [
        (since, until, sum(call.first <= since and until <= call.last for call in calls))
        for since, until in pairwise(edges)
    ]


def _served(stretches: Sequence[tuple[float, float, int]]) -> int:
    def lasted_s(least: int) -> float:
        return _seconds([(since, until) for since, until, n in stretches if n >= least])

    most = max((answering for *_, answering in stretches), default=0)
    enough_s = SIDE_BY_SIDE * lasted_s(1)
    return next((n for n in range(most, 1, -1) if lasted_s(n) >= enough_s), 1)


def _seconds(stretches: Sequence[tuple[float, float]]) -> float:
    return math.fsum(until - since for since, until in stretches)


def _rate(tokens: float, seconds: float) -> float | None:
    return tokens / seconds if tokens > 0 and seconds > 0 else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
