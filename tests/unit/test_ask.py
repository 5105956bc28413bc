"""The one door to a model: however a call ends, receipt and ledger tell the same."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Finish, Text
from lib.core.errors import (
    AppError,
    AuthFailed,
    BadReply,
    NoConnection,
    Unreachable,
)
from lib.providers.line import Line
from lib.work.app import App
from lib.work.ask import ask
from lib.work.meter import Receipt
from tests.fakes import FakeServer
from tests.unit.builders import (
    EVERYONE,
    GEMINI,
    answer,
    only_row,
    prompt,
    running,
    start,
)


def drain(app: App, model: str, text: str, line: Line | None = None) -> Receipt:
    *_, receipt = ask(app, app.models.find(model), prompt(text), "chat", line)
    assert isinstance(receipt, Receipt)
    return receipt


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
