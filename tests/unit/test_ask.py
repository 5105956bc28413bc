"""The one door to a model: what it measures, prices, writes down, and never lets out."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Finish, ModelInfo, Text, Thought, Usage
from lib.core.errors import (
    AppError,
    AuthFailed,
    BadReply,
    ModelMissing,
    NoConnection,
    OverBudget,
    Unreachable,
    Unsupported,
)
from lib.providers.line import Line
from lib.work.app import App
from lib.work.ask import Meter, Receipt, ask, fit
from tests.fakes import FakeServer
from tests.unit.builders import (
    GEMINI,
    KEY,
    OLLAMA,
    PICTURE,
    TEXT_ONLY,
    VLLM,
    answer,
    prompt,
    running,
    start,
)

# Gemini 3.1 Flash-Lite, standard tier, USD per token: input 0.25, cached 0.025, output 1.50 per
# million. Source: https://ai.google.dev/gemini-api/docs/pricing, 2026-11-22.
INPUT, CACHED, OUTPUT = Decimal("25e-8"), Decimal("25e-9"), Decimal("15e-7")
EVERYONE = pytest.mark.parametrize("model", [GEMINI, OLLAMA, VLLM])


@pytest.fixture
def app(fake: FakeServer, tmp_path: Path) -> Iterator[App]:
    with running(fake, tmp_path) as app:
        yield app


def only_row(app: App) -> dict[str, Any]:
    (row,) = app.ledger.rows()
    return row


def drain(app: App, model: str, text: str, line: Line | None = None) -> Receipt:
    *_, receipt = ask(app, app.models.find(model), prompt(text), "chat", line)
    assert isinstance(receipt, Receipt)
    return receipt


# How calls end


@EVERYONE
def test_a_finished_call_is_one_row(app: App, model: str) -> None:
    """Text, receipt and ledger agree on a call that ended well."""
    text, receipt = answer(app, model, "one two three")

    row = only_row(app)
    assert text == "one two three"
    assert (receipt.model, receipt.finish) == (model, Finish.STOP)
    assert (row["model"], row["source"], row["finish"], row["error"]) == (
        model, "chat", "stop", None,
    )  # fmt: skip
    assert (row["input_tokens"], row["output_tokens"]) == (3, 3)
    assert receipt.usage.total_tokens == 6
    assert row["total_ms"] == receipt.total_ms
    assert row["ttft_ms"] == receipt.ttft_ms


def test_a_refused_call_is_one_row(app: App) -> None:
    """A safety stop has its receipt, and its row says refused."""
    _, receipt = answer(app, GEMINI, "one two #fault=safety")

    assert receipt.finish is Finish.REFUSED
    assert only_row(app)["finish"] == "refused"


@EVERYONE
@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("unavailable", Unreachable, "unreachable"),
        ("mid_error", AppError, None),
        ("bad_key", AuthFailed, "auth_failed"),
        ("broken_json", BadReply, "bad_reply"),
    ],
)
def test_a_failed_call_is_one_row(
    app: App, model: str, fault: str, error: type[AppError], code: str | None
) -> None:
    """The error is raised, its code is in the row, and nobody is charged by guess."""
    with pytest.raises(error) as caught:
        answer(app, model, f"one two three four #fault={fault}")

    row = only_row(app)
    assert row["finish"] == "error"
    assert row["error"] == (code or caught.value.code)
    assert row["cost_usd"] is None
    assert row["total_ms"] > 0


@EVERYONE
def test_closing_the_generator_is_stopped(app: App, fake: FakeServer, model: str) -> None:
    """A reader who leaves in mid-answer leaves one row, «stopped», and no call at the provider."""
    pieces = start(app, model, "#tokens=200 #pace=0.03")
    next(pieces)
    pieces.close()

    assert fake.wait_idle()
    assert only_row(app)["finish"] == "stopped"
    assert fake.calls[-1].hung_up


@EVERYONE
@pytest.mark.parametrize("when", ["#slow=30", "#tokens=200 #pace=0.05", "one two three #slow=1"])
def test_hanging_up_from_another_thread_is_stopped(app: App, model: str, when: str) -> None:
    """Stop works before the first word and after it; the receipt still comes, the row is there."""
    choice, line = app.models.find(model), Line(30)
    threading.Timer(0.4, line.hang_up).start()
    started = time.monotonic()
    *_, receipt = ask(app, choice, prompt(f"hello {when}"), "chat", line)

    row = only_row(app)
    assert time.monotonic() - started < 3
    assert isinstance(receipt, Receipt)
    assert receipt.finish is Finish.STOPPED
    assert (row["finish"], row["error"]) == ("stopped", None)


def test_a_line_hung_up_beforehand_asks_nobody(app: App, fake: FakeServer) -> None:
    """A reader who left before the call was made costs no answer."""
    line = Line(30)
    line.hang_up()
    receipt = drain(app, GEMINI, "#tokens=200 #pace=0.05", line)

    assert receipt.finish is Finish.STOPPED
    assert receipt.ttft_ms is None
    assert only_row(app)["finish"] == "stopped"


@EVERYONE
def test_a_cut_off_answer_is_incomplete(app: App, model: str) -> None:
    """A stream that ends without the provider's mark is never called finished."""
    text, receipt = answer(app, model, "one two three four #fault=cut")

    assert text == "one two"
    assert receipt.finish is Finish.INCOMPLETE
    assert only_row(app)["finish"] == "incomplete"


def test_an_unreachable_provider_is_one_row(
    fake: FakeServer, tmp_path: Path, dead_address: str
) -> None:
    """A call that reached nobody is in the ledger too, and holds no money back."""
    with running(
        fake, tmp_path, gemini_base_url=f"http://{dead_address}", monthly_budget_usd=1
    ) as app:
        with pytest.raises(NoConnection):
            answer(app, GEMINI, "hello")
        row, month = only_row(app), app.ledger.month()

    assert (row["finish"], row["error"]) == ("error", "unreachable")
    assert (month.spent_usd, month.reserved_usd) == (0, 0)


def test_a_silent_model_times_out(fake: FakeServer, tmp_path: Path) -> None:
    """MODEL_TIMEOUT_S bounds the wait for the first token."""
    with running(fake, tmp_path, model_timeout_s=0.5) as app:
        started = time.monotonic()
        with pytest.raises(AppError) as caught:
            answer(app, GEMINI, "hello #slow=20")
        row = only_row(app)

    assert caught.value.code == "timed_out"
    assert row["error"] == "timed_out"
    assert time.monotonic() - started < 3


@EVERYONE
def test_a_long_answer_may_outlast_the_timeout(
    fake: FakeServer, tmp_path: Path, model: str
) -> None:
    """The timeout is for the first token: an answer that keeps coming is not cut."""
    with running(fake, tmp_path, model_timeout_s=0.6) as app:
        _, receipt = answer(app, model, "#tokens=12 #pace=0.1")

    assert receipt.finish is Finish.STOP
    assert receipt.total_ms > 1000


def test_an_unforeseen_failure_is_an_error_row(app: App) -> None:
    """Whatever breaks in an adapter, the row says error, never stopped, and keeps it for none."""

    class Broken:
        name = "gemini"

        def stream(self, request: object) -> Any:
            yield Text("half")
            raise RuntimeError("a bug")

    choice = replace(app.models.find(GEMINI), provider=Broken())
    with pytest.raises(RuntimeError):
        list(ask(app, choice, prompt("hello"), "chat"))

    row = only_row(app)
    assert (row["finish"], row["error"], row["cost_usd"]) == ("error", "bad_reply", None)


# What a receipt says


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


def test_the_version_that_answered_is_told(app: App) -> None:
    """An alias is written down, and priced, as the model behind it."""
    _, receipt = answer(app, "gemini/gemini-flash-lite-latest", "one two")

    assert receipt.version == "gemini-3.5-flash-lite"
    assert only_row(app)["version"] == "gemini-3.5-flash-lite"


# What is sent, and what is not


def test_a_picture_for_a_text_model_is_refused_unsent(app: App, fake: FakeServer) -> None:
    """Nothing is sent, reserved or written when the model cannot read the input."""
    app.models.all()
    before = len(fake.calls)
    with pytest.raises(Unsupported) as caught:
        answer(app, TEXT_ONLY, "what is this", PICTURE)

    assert "image" in str(caught.value)
    assert app.ledger.rows() == []
    assert len(fake.calls) == before


@EVERYONE
def test_a_picture_reaches_a_model_that_sees(app: App, model: str) -> None:
    """The same picture is sent to a model that reads it, and counted."""
    _, receipt = answer(app, model, "what is this", PICTURE)

    assert receipt.usage.input_tokens == 13


def sent(fake: FakeServer) -> str:
    return str(fake.calls[-1].body)


def test_sampling_is_not_sent_where_it_is_no_longer_taken(app: App, fake: FakeServer) -> None:
    """Gemini 3.5 Flash-Lite takes no temperature and top-p; others get them."""
    options = {"temperature": 0.25, "top_p": 0.75}
    answer(app, "gemini/gemini-3.5-flash-lite", "hello", **options)
    without = sent(fake)
    answer(app, GEMINI, "hello", **options)

    assert "temperature" not in without
    assert "topP" not in without
    assert "temperature" in sent(fake)
    assert "topP" in sent(fake)


def test_the_answers_length_fits_the_model() -> None:
    """More tokens than a model can write are not asked of it."""
    info = ModelInfo("gemini", "small", max_output_tokens=100)

    assert fit(info, prompt("x", max_tokens=5000)).max_tokens == 100
    assert fit(info, prompt("x", max_tokens=50)).max_tokens == 50
    assert fit(info, prompt("x")).model == "small"


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


# Budget


def worst_usd(text: str, max_tokens: int) -> Decimal:
    """The most a short prompt could cost: a token per byte and 16 around each of two messages."""
    return (len(text.encode()) + 32) * INPUT + max_tokens * OUTPUT


def test_a_call_that_could_exceed_the_budget_is_not_made(fake: FakeServer, tmp_path: Path) -> None:
    """The refusal comes before anything is sent, and leaves no row."""
    before = len(fake.calls)
    with running(fake, tmp_path, monthly_budget_usd="0.0001") as app:
        with pytest.raises(OverBudget):
            answer(app, GEMINI, "hello", max_tokens=2000)
        rows, month = app.ledger.rows(), app.ledger.month()

    assert rows == []
    assert month.reserved_usd == 0
    assert not any(":" in call.path for call in fake.calls[before:])


def test_the_worst_case_is_reserved_and_then_settled(fake: FakeServer, tmp_path: Path) -> None:
    """While a call runs, all it could cost is held; afterwards what it did cost is spent."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        pieces = start(app, GEMINI, "one two three", max_tokens=1000)
        next(pieces)
        during = app.ledger.month()
        list(pieces)
        after = app.ledger.month()

    assert during.spent_usd == 0
    assert 1000 * OUTPUT < during.reserved_usd <= worst_usd("one two three", 1000)
    assert (after.spent_usd, after.reserved_usd) == (3 * INPUT + 3 * OUTPUT, 0)


@pytest.mark.parametrize("fault", ["bad_request", "bad_key", "missing", "rate_limited", "quota"])
def test_a_refusal_with_4xx_releases_the_reservation(
    fake: FakeServer, tmp_path: Path, fault: str
) -> None:
    """What the provider turned away was not charged."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        with pytest.raises(AppError):
            answer(app, GEMINI, f"one #fault={fault}")
        month = app.ledger.month()

    assert (month.spent_usd, month.reserved_usd) == (0, 0)


@pytest.mark.parametrize("fault", ["unavailable", "html500", "mid_error", "reset", "broken_json"])
def test_a_call_that_broke_after_it_was_sent_keeps_its_reservation(
    fake: FakeServer, tmp_path: Path, fault: str
) -> None:
    """What may have been charged stays counted against the budget."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app:
        with pytest.raises(AppError):
            answer(app, GEMINI, f"one two three four #fault={fault}")
        month = app.ledger.month()

    assert month.spent_usd == 0
    assert month.reserved_usd > 0


def test_parallel_calls_cannot_race_past_a_small_budget(fake: FakeServer, tmp_path: Path) -> None:
    """Of twenty calls at once only as many are made as fit; the rest is refused."""
    budget = 5 * worst_usd("hello #pace=0.1", 100)
    before = len(fake.calls)
    with running(fake, tmp_path, monthly_budget_usd=budget) as app:
        app.models.all()

        def one(_: int) -> bool:
            try:
                answer(app, GEMINI, "hello #slow=0.5", max_tokens=100)
            except OverBudget:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            made = sum(pool.map(one, range(20)))
        rows, month = app.ledger.rows(), app.ledger.month()

    assert 1 <= made <= 6
    assert len(rows) == made
    assert sum(":" in call.path for call in fake.calls[before:]) == made
    assert month.reserved_usd == 0
    assert month.spent_usd == sum(row["cost_usd"] for row in rows) <= budget


def test_local_calls_without_a_rate_pass_a_spent_budget(fake: FakeServer, tmp_path: Path) -> None:
    """A budget of 0 stops paid calls, not the machine's own models."""
    with running(fake, tmp_path, monthly_budget_usd=0) as app:
        text, _ = answer(app, OLLAMA, "hello")

    assert text == "hello"


def test_an_unpriced_model_is_refused_under_a_budget(fake: FakeServer, tmp_path: Path) -> None:
    """A budget cannot be kept with a model of unknown price, so it is not asked."""
    with running(fake, tmp_path, monthly_budget_usd=1) as app, pytest.raises(OverBudget) as caught:
        answer(app, "gemini/gemini-9-tomorrow", "hello")

    assert "price" in str(caught.value)


def test_an_unpriced_model_is_asked_without_a_budget(app: App) -> None:
    """Without a budget nothing keeps it from its provider, who here does not have it."""
    with pytest.raises(ModelMissing):
        answer(app, "gemini/gemini-9-tomorrow", "hello")

    assert only_row(app)["error"] == "model_missing"


# Logs


@EVERYONE
@pytest.mark.parametrize("sdk", ["google-genai", "google-generativeai"])
def test_no_log_holds_prompt_key_or_path(
    fake: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, model: str, sdk: str
) -> None:
    """Even at DEBUG, and when calls fail, neither words nor secrets get into the log."""
    folder = tmp_path / "secret-folder"
    with (
        caplog.at_level(logging.DEBUG),
        running(fake, folder, gemini_sdk=sdk, vllm_api_key=KEY) as app,
    ):
        answer(app, model, "confidential words")
        for fault in ("bad_request", "mid_error", "html500", "broken_json"):
            with pytest.raises(AppError):
                answer(app, model, f"confidential words #fault={fault}")

    logged = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert "chat bad_reply" in logged
    for secret in ("confidential", KEY, str(folder), "SECRET-IN-HTML"):
        assert secret not in logged
