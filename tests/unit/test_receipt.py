"""What a receipt says: counts, cost to the last digit, times, and what nobody knows."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Done, Finish, Text, Thought, Usage
from lib.providers.line import Line
from lib.work.app import App
from lib.work.meter import Meter, Receipt
from tests.fakes import FakeServer
from tests.unit.builders import (
    CACHED,
    EVERYONE,
    GEMINI,
    INPUT,
    OLLAMA,
    OUTPUT,
    VLLM,
    answer,
    only_row,
    running,
    start,
)


def test_the_cost_of_gemini_is_exact(app: App) -> None:
    """Cached tokens at their rate, thinking as output: to the last digit, in ledger and receipt."""
    _, receipt = answer(app, GEMINI, "one two #think=3 #cached=1")

    golden = 3 * INPUT + 1 * CACHED + 5 * OUTPUT
    assert golden == Decimal("0.000008275")
    assert receipt.usage == Usage(4, 5, 3, 1, 0)
    assert receipt.cost_usd == golden
    assert only_row(app)["cost_usd"] == golden


def test_a_provider_that_does_not_count_has_no_price(app: App) -> None:
    """Unknown usage is unknown cost, never 0."""
    _, receipt = answer(app, GEMINI, "one two #fault=no_usage")

    assert receipt.usage == Usage()
    assert receipt.cost_usd is None
    assert only_row(app)["cost_usd"] is None


def test_thoughts_are_passed_on_apart(app: App) -> None:
    """What a model thinks comes as thoughts, and counts as output."""
    *pieces, receipt = start(app, GEMINI, "one two #think=2", thinking="low")

    assert [piece.text for piece in pieces if isinstance(piece, Thought)] == ["t1", " t2"]
    assert isinstance(receipt, Receipt)
    assert (receipt.usage.thinking_tokens, receipt.usage.output_tokens) == (2, 4)


@pytest.mark.parametrize("model", [OLLAMA, VLLM])
def test_a_local_answer_costs_the_machines_time(
    fake: FakeServer, tmp_path: Path, model: str
) -> None:
    """GPU_USD_PER_HOUR x busy seconds / 3600, for exactly the time the receipt tells."""
    with running(fake, tmp_path, gpu_usd_per_hour="0.36") as app:
        _, receipt = answer(app, model, "one two three #pace=0.1")

    assert receipt.cost_usd is not None
    assert receipt.total_ms > 200
    assert float(receipt.cost_usd) == pytest.approx(0.36 * receipt.total_ms / 1000 / 3600)


@pytest.mark.parametrize("model", [OLLAMA, VLLM])
def test_a_local_answer_without_a_rate_has_no_price(app: App, model: str) -> None:
    """Nobody said what the machine costs, so the cost is unknown, not 0."""
    _, receipt = answer(app, model, "one two")

    assert receipt.cost_usd is None


@EVERYONE
def test_times_and_speed(app: App, model: str) -> None:
    """The first token comes within the total; the speed is that of the tokens after it."""
    _, receipt = answer(app, model, "#tokens=11 #slow=0.2 #pace=0.05")

    assert receipt.ttft_ms is not None
    assert 190 < receipt.ttft_ms <= receipt.total_ms
    assert receipt.tokens_per_second is not None
    assert 8 < receipt.tokens_per_second < 30


def test_an_answer_in_one_piece_has_no_speed(app: App) -> None:
    """Without a stream there is no time between tokens to measure."""
    _, receipt = answer(app, GEMINI, "one two three", stream=False)

    assert receipt.tokens_per_second is None
    assert receipt.ttft_ms is not None


def test_a_stopped_answer_keeps_the_last_count(app: App) -> None:
    """Gemini counts as it goes: what was counted before the stop is kept and priced."""
    pieces = start(app, GEMINI, "#tokens=200 #pace=0.02")
    for _ in range(5):
        next(pieces)
    pieces.close()

    row = only_row(app)
    assert row["input_tokens"] == 2
    assert 4 <= row["output_tokens"] <= 5
    assert row["cost_usd"] == 2 * INPUT + row["output_tokens"] * OUTPUT


@pytest.mark.parametrize("model", [OLLAMA, VLLM])
def test_a_stopped_answer_without_a_count_is_unknown(app: App, model: str) -> None:
    """Servers that count at the end only leave the counts of a stopped answer unknown, not 0."""
    pieces = start(app, model, "#tokens=200 #pace=0.02")
    next(pieces)
    pieces.close()

    row = only_row(app)
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)


def test_text_that_nobody_counted_is_not_zero_tokens() -> None:
    """A first count of 0 output is no count of the text that came after it."""
    meter = Meter(Line(1))
    meter.take(Text("hello"))
    meter.take(Usage(7, 0, 0, 0, 0))

    assert meter.counted() == Usage(7, None, None, 0, 0)


def test_absurd_counts_of_one_call_are_unknown() -> None:
    """A server that counts beyond all reason must not spoil the sums of all other calls."""
    meter = Meter(Line(1))
    meter.take(Usage(9 * 10**18, -1, None, int(1e30), 5))
    meter.take(Done(Finish.STOP, version="gemma\ud800\x003"))

    assert meter.counted() == Usage(None, None, None, None, 5)
    assert meter.done.version == "gemma3"


def test_the_version_that_answered_is_told(app: App) -> None:
    """An alias is written down, and priced, as the model behind it."""
    _, receipt = answer(app, "gemini/gemini-flash-lite-latest", "one two")

    assert receipt.version == "gemini-3.5-flash-lite"
    assert only_row(app)["version"] == "gemini-3.5-flash-lite"


@pytest.mark.parametrize(
    "settings",
    [
        {"gemini_sdk": "google-generativeai"},
        {"gemini_sdk": "google-generativeai", "gemini_grpc_target": None},
    ],
    ids=["grpc", "rest"],
)
@pytest.mark.parametrize("text", ["one two three", "größer #think=3", "नमस्ते #cached=1"])
def test_both_google_sdks_say_and_charge_the_same(
    app: App, fake: FakeServer, tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    """Whichever SDK carries a prompt, text, usage, finish and cost are the same."""
    with running(fake, tmp_path / "retired", **settings) as retired:
        theirs_text, theirs = answer(retired, GEMINI, text)
    ours_text, ours = answer(app, GEMINI, text)

    assert theirs_text == ours_text
    assert theirs.cost_usd is not None
    assert (theirs.finish, theirs.cost_usd) == (ours.finish, ours.cost_usd)
    assert theirs.usage == ours.usage
