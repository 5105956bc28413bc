"""Speed tests as the store keeps them, without measuring."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from lib.core.errors import AppError
from lib.core.speed import Interval, Level, SpeedPlan
from lib.store.speed_tests import SpeedTest, SpeedTests, State
from tests.unit.builders import OLLAMA

GPU = "RTX 3060 12GB"
PLAN = SpeedPlan((1, 4), 512, 128)


def level(streams: int, answer: float | None = 40.0, **more: Any) -> Level:
    """A level of three rounds; answers of 40 tok/s a stream, prompts of 1,000 in all."""
    facts: dict[str, Any] = {
        "streams": streams,
        "served": streams,
        "rounds": 3,
        "calls": 3 * streams,
        "failed": 0,
        "input_tokens": 512.0,
        "output_tokens": 128.0,
        "prompt_tok_s": Interval(1000.0, 970.0, 1030.0),
        "answer_tok_s": answer
        and Interval(answer * streams, answer * streams - 2, answer * streams + 2),
        "ttft_p50_ms": 512.0,
        "ttft_p95_ms": 700.0 * streams,
    }
    return Level(**facts | more)


def keep(
    tests: SpeedTests,
    *levels: Level,
    model: str = OLLAMA,
    engine: str = "Ollama",
    gpu: str | None = GPU,
    state: State = "done",
    error: AppError | None = None,
    host: str | None = None,
) -> SpeedTest:
    """A test that ended with these levels; none given: 1 and 4 streams."""
    test = tests.add(model, engine, gpu, PLAN, host)
    found = replace(
        test, quantisation="Q4_K_M", engine_version="0.33.0", calls=16, cost_usd=Decimal("0.0123"),
        levels=levels or (level(1), level(4, 30.0)),
    )  # fmt: skip
    tests.save(found)
    if state != "running":
        tests.end(test.id, state, error)
    return tests.get(test.id)
