"""What the JSON API takes and answers about speed tests."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from lib.core.speed import INPUT_TOKENS, MOST_LEVELS, MOST_STREAMS, OUTPUT_TOKENS, SpeedPlan
from lib.store.speed_tests import SpeedTest, State
from lib.web.shapes import ID, ErrorFields, OnlyKnown, Words, known_id
from lib.work.speed_tests import GPU_CHARACTERS

_USUAL = SpeedPlan(())


def _between(bounds: tuple[int, int]) -> Any:
    return Field(strict=True, ge=bounds[0], le=bounds[1])


ADDRESS = "as the models page shows it, e.g. http://10.0.0.2:11434"
Streams = Annotated[int, _between((1, MOST_STREAMS))]


SpeedTestId = Annotated[
    str,
    known_id("speed test", "GET /api/speedtests"),
    Path(description="From POST /api/speedtest.", json_schema_extra=ID),
]


class SpeedBody(OnlyKnown):
    """What to measure; without `streams` what suits the model's server. Without `model` it is the
    first local one: Gemini, which is paid, only where there is no other.

    `gpu` is the name of a GPU that nvidia-smi cannot see here. `host` is the address of the one
    server to measure, of several of Ollama or vLLM; left out, it is the first that has the model.
    """

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    model: Annotated[Words, Field(max_length=300)] | None = None
    streams: Annotated[list[Streams], Field(min_length=1, max_length=MOST_LEVELS)] | None = None
    input_tokens: Annotated[int, _between(INPUT_TOKENS)] = _USUAL.input_tokens
    output_tokens: Annotated[int, _between(OUTPUT_TOKENS)] = _USUAL.output_tokens
    gpu: Annotated[Words, Field(max_length=GPU_CHARACTERS)] | None = None
    host: Annotated[Words, Field(max_length=300, description=ADDRESS)] | None = None

    def plan(self) -> SpeedPlan:
        """No streams stand for those that suit the model's server."""
        return SpeedPlan(tuple(self.streams or ()), self.input_tokens, self.output_tokens)


class IntervalShape(BaseModel):
    """A mean over rounds, with its 95 % interval; null after a single round."""

    value: float
    low: float | None
    high: float | None


class LevelShape(BaseModel):
    """So many calls at once. Rates are totals over all streams, tokens a mean of the calls."""

    streams: int
    served: int = Field(description="the most streams that were seen answering at once")
    rounds: int
    calls: int
    failed: int = Field(description="calls that are left out of all figures")
    input_tokens: float
    output_tokens: float
    prompt_tok_s: IntervalShape | None
    answer_tok_s: IntervalShape | None = Field(
        description="above some 3,000 from vLLM a lower bound: this app reads no faster"
    )
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None


class NowShape(BaseModel):
    """What is being measured at this moment."""

    streams: int
    round: int


class SpeedTestShape(BaseModel):
    """A speed test, with the levels it has finished so far. null is «not known», or «not yet»."""

    speedtest_id: str
    state: State
    created: datetime
    finished: datetime | None
    model: str
    quantisation: str | None
    engine: str
    engine_version: str | None
    gpu: str | None
    host: str | None = Field(
        description="the one server that was asked; null for an API and the built-in model"
    )
    input_tokens: int = Field(description="of each prompt, as asked for")
    output_tokens: int = Field(description="of each answer, as asked for")
    streams: list[int]
    now: NowShape | None
    calls: int
    cost_usd: float | None
    error: ErrorFields | None
    levels: list[LevelShape]


class SpeedTestsAnswer(BaseModel):
    speedtests: list[SpeedTestShape]


class SpeedTestGone(BaseModel):
    deleted: str


def speed_fields(test: SpeedTest) -> dict[str, Any]:
    """A speed test in the contract's shape; rates are tokens a second."""
    now = None if test.now is None else dict(zip(("streams", "round"), test.now, strict=True))
    return {
        "speedtest_id": test.id,
        "state": test.state,
        "created": test.created,
        "finished": test.finished,
        "model": test.model,
        "quantisation": test.quantisation,
        "engine": test.engine,
        "engine_version": test.engine_version,
        "gpu": test.gpu,
        "host": test.host,
        "input_tokens": test.plan.input_tokens,
        "output_tokens": test.plan.output_tokens,
        "streams": list(test.plan.streams),
        "now": now,
        "calls": test.calls,
        "cost_usd": None if test.cost_usd is None else float(test.cost_usd),
        "error": test.error,
        "levels": [asdict(level) for level in test.levels],
    }
