"""What a speed test finds, beside the truth: a GPU of known speed, and llama.cpp's own clock."""

import statistics
from contextlib import closing
from pathlib import Path

import pytest

from lib.core import speed_prompt
from lib.core.speed import Interval, Level, SpeedPlan
from lib.core.speed_sums import round_speed
from lib.work.app import App
from lib.work.speed_round import Round
from lib.work.speed_tests import SpeedDesk
from tests.contract.engine import LABEL, NEEDS_WEIGHTS
from tests.fakes import FakeServer
from tests.unit.builders import OLLAMA, VLLM, running, wait_until

# Tokens a second: of the whole GPU, and of each stream. So slow that the milliseconds in which a
# busy machine sends a call and wakes its reader weigh little.
PREFILL, DECODE = 400, 80


def levels(folder: Path, model: str, plan: SpeedPlan, slots: int = 0) -> tuple[Level, ...]:
    with (
        FakeServer(prefill_tok_s=PREFILL, decode_tok_s=DECODE, slots=slots) as gpu,
        running(gpu, folder) as app,
        closing(SpeedDesk(app)) as desk,
    ):
        test = desk.start(model, plan)
        assert wait_until(lambda: desk.get(test.id).state != "running", 60)
        return desk.get(test.id).levels


def agrees(found: Interval | None, truth: float) -> bool:
    """Within a tenth of what the measured interval admits.

    A fifth where the truth is faster: a busy machine makes figures slower, never faster.
    """
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return 0.9 * found.low <= truth <= 1.2 * found.high


def test_streams_side_by_side(tmp_path: Path) -> None:
    """The prompts' speed is the GPU's, the answers' that of a stream times the streams."""
    found = levels(tmp_path, VLLM, SpeedPlan((1, 3), 50, 40))

    assert [level.served for level in found] == [1, 3]
    for level in found:
        assert agrees(level.prompt_tok_s, PREFILL), level
        assert agrees(level.answer_tok_s, DECODE * level.streams), level
        assert level.output_tokens == 40


def test_a_server_with_one_place(tmp_path: Path) -> None:
    """Two streams at an Ollama that answers one after another: one is served, at its speed."""
    (found,) = levels(tmp_path, OLLAMA, SpeedPlan((2,), 50, 24), slots=1)

    assert found.served == 1
    assert agrees(found.prompt_tok_s, PREFILL)
    assert agrees(found.answer_tok_s, DECODE)


def beside_its_clock(app: App, nonce: str) -> tuple[float, float]:
    """Our prompt and answer speed of one call, each as a share of the engine's own."""
    choice = app.models.find(f"embedded/{LABEL}")
    request = speed_prompt.request(choice.info, nonce, 215, 64)
    (took,) = Round(app, choice, [request]).run()
    call, done = took.timed, took.done
    assert call is not None, took.error
    assert done is not None
    assert done.prompt_ms is not None
    assert done.answer_ms is not None
    ours = round_speed([call])
    assert ours is not None
    assert ours.prompt_tok_s is not None
    assert ours.answer_tok_s is not None
    assert call.output_tokens == 64
    read = (call.input_tokens - call.cached_tokens) / done.prompt_ms * 1000
    # As llama.cpp divides: it counts the first token, though that one comes with the prompt.
    written = call.output_tokens / done.answer_ms * 1000
    return ours.prompt_tok_s / read, ours.answer_tok_s / written


@NEEDS_WEIGHTS
def test_llama_cpps_own_clock(fake: FakeServer, tmp_path: Path) -> None:
    """On the real embedded model our speeds are within 5 % of the engine's for the same calls.

    Of a few calls, for other programs may hold one of them up. Our clock of a prompt goes around
    the engine's, so that a hold-up can only make it slower: the least disturbed call is the true
    one, and none may flatter. An answer's beginning and end may both be held up: the median.
    """
    with running(fake, tmp_path, embedded_model=None, model_timeout_s=60) as app:
        beside_its_clock(app, "lake")  # loads the model
        nonces = ("moon", "salt", "door", "fern", "clay")
        shares = [beside_its_clock(app, nonce) for nonce in nonces]
    prompts, answers = zip(*shares, strict=True)

    assert max(prompts) == pytest.approx(1, abs=0.05)
    assert statistics.median(answers) == pytest.approx(1, abs=0.05)
