"""What a speed test is asked for and what it finds."""

from dataclasses import dataclass

from lib.core.chat import ModelInfo
from lib.core.errors import BadInput

MOST_STREAMS, MOST_LEVELS = 64, 8
INPUT_TOKENS, OUTPUT_TOKENS = (16, 100_000), (16, 4096)
SPARE_TOKENS = 32  # of a context: prompts of as many words do not count quite alike
MOST_TOKENS = 10**6  # no call of a test has more; a server that counts more counts nonsense
USUAL_STREAMS = (1, 2, 4, 8)
BATCHING_STREAMS = (*USUAL_STREAMS, 16, 32)  # vLLM is made for many at once

FEWEST_ROUNDS, MOST_ROUNDS = 3, 6
CLOSE_ENOUGH = 0.05  # half of an interval's width, as a share of its middle


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval; `low` and `high` are None for a single value."""

    value: float
    low: float | None
    high: float | None

    @property
    def is_close(self) -> bool:
        """Whether the interval is within ±5 % of the mean."""
        return self.high is not None and self.high - self.value <= CLOSE_ENOUGH * self.value


@dataclass(frozen=True, slots=True)
class SpeedPlan:
    """How many streams at once, level by level, and the tokens of each call."""

    streams: tuple[int, ...]
    input_tokens: int = 512
    output_tokens: int = 128


@dataclass(frozen=True, slots=True)
class Level:
    """What was measured with so many streams at once. Speeds are totals over all of them.

    `served` is the largest number of streams seen answering at once. `calls` are all that were
    measured, `failed` those of them that could not be used. Tokens are the mean of a call as the
    server counted them. `ttft` percentiles are nearest-rank. None: no call told it.
    """

    streams: int
    served: int
    rounds: int
    calls: int
    failed: int
    input_tokens: float
    output_tokens: float
    prompt_tok_s: Interval | None
    answer_tok_s: Interval | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None

    @property
    def is_settled(self) -> bool:
        """Whether more rounds would hardly change it."""
        speeds = (self.prompt_tok_s, self.answer_tok_s)
        return self.rounds >= FEWEST_ROUNDS and all(one and one.is_close for one in speeds)


def usual_plan(provider: str) -> SpeedPlan:
    if provider == "embedded":  # on a CPU, which computes one stream after the other
        return SpeedPlan((1, 2), 256, 64)
    return SpeedPlan(BATCHING_STREAMS if provider == "vllm" else USUAL_STREAMS)


def seconds_left(plan: SpeedPlan, levels: tuple[Level, ...], rounds_made: int) -> float | None:
    """About how long the levels to come take, at the speed and in as many rounds as the last one.

    `rounds_made` are those of the level under way. None before the first level.
    """
    last = levels[-1] if levels else None
    if last is None or not last.prompt_tok_s or not last.answer_tok_s:
        return None
    call_s = (
        plan.input_tokens / last.prompt_tok_s.value + plan.output_tokens / last.answer_tok_s.value
    )
    now, *later = plan.streams[len(levels) :] or (0,)
    calls = now * max(0, last.rounds - rounds_made) + sum(later) * last.rounds
    return calls * call_s


def check(plan: SpeedPlan, info: ModelInfo) -> SpeedPlan:
    """The plan with its levels in order; BadInput names what this model cannot be measured with."""
    streams = tuple(sorted(set(plan.streams)))
    if not 1 <= len(streams) <= MOST_LEVELS:
        raise BadInput(f"streams: 1 to {MOST_LEVELS} different numbers are wanted.")
    if streams[0] < 1 or streams[-1] > MOST_STREAMS:
        raise BadInput(f"streams: each must be from 1 to {MOST_STREAMS}.")
    for name, tokens, (least, most) in (
        ("input_tokens", plan.input_tokens, INPUT_TOKENS),
        ("output_tokens", plan.output_tokens, OUTPUT_TOKENS),
    ):
        if not least <= tokens <= most:
            raise BadInput(f"{name}: must be from {least:,} to {most:,}.")
    if info.max_output_tokens and plan.output_tokens > info.max_output_tokens:
        raise BadInput(f"output_tokens: {info.id} writes at most {info.max_output_tokens:,}.")
    if info.context_tokens:
        room = info.context_tokens - SPARE_TOKENS
        if plan.input_tokens + plan.output_tokens > room:
            raise BadInput(
                f"input_tokens: with output_tokens {info.id} can hold at most {room:,} tokens."
            )
    return SpeedPlan(streams, plan.input_tokens, plan.output_tokens)
