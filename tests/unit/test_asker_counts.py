"""What a row took: tokens, money and time of all its calls, unknown where one is; confidence."""

from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.chat import Usage
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, INPUT, OUTPUT, running
from tests.unit.crews import Work, fresh


def test_a_rows_counts_add_up_its_calls(app: App) -> None:
    """An answer that was no label was paid for too; a refusal cost nothing but time."""
    work, text = Work(app, model=GEMINI), fresh("ham #once=invalid")
    work.run(text)
    rows, result = app.ledger.rows(), work.results[0]

    assert len(rows) == 2
    assert result.usage.input_tokens == sum(row["input_tokens"] for row in rows)
    assert result.usage.output_tokens == sum(row["output_tokens"] for row in rows)
    assert result.cost_usd == sum(row["cost_usd"] for row in rows) > 0
    assert result.latency_ms == pytest.approx(sum(row["total_ms"] for row in rows))
    tokens = result.usage
    assert result.cost_usd == tokens.input_tokens * INPUT + tokens.output_tokens * OUTPUT


def test_a_refusal_for_want_of_room_costs_a_row_nothing(app: App) -> None:
    one, two = Work(app, model=GEMINI), Work(app, model=GEMINI)
    one.run("ham 0")
    two.run("ham 1 #once=throttled")

    assert two.results[0].usage.output_tokens == one.results[0].usage.output_tokens
    assert two.results[0].cost_usd is not None
    assert two.results[0].cost_usd > 0


def test_one_call_of_unknown_usage_makes_the_rows_counts_unknown(app: App) -> None:
    """Nobody knows what a call that broke inside the server was charged."""
    work = Work(app, model=GEMINI)
    work.run(fresh("ham #once=unavailable"))

    assert work.labels == ["ham"]
    assert work.results[0].usage == Usage(None, None, None, None)
    assert work.results[0].cost_usd is None
    assert work.results[0].latency_ms > 0


def test_counts_a_server_does_not_send_are_unknown(app: App) -> None:
    work = Work(app)
    work.run(fresh("ham #fault=no_usage"), fresh("ham"))

    assert work.results[0].usage == Usage()
    assert work.results[1].usage.output_tokens == 1


def test_a_machine_with_a_rate_costs_its_time(fake: FakeServer, tmp_path: Path) -> None:
    with running(fake, tmp_path, gpu_usd_per_hour="3.6") as app:
        work = Work(app)
        work.run(fresh("ham"))
        (row,) = app.ledger.rows()

    assert work.results[0].cost_usd == row["cost_usd"]
    assert work.results[0].cost_usd == pytest.approx(Decimal(row["total_ms"]) / 10**6)


def test_confidence_is_what_the_model_gave_its_answer(app: App) -> None:
    """The fake gives every token a log-probability of -0.1."""
    work = Work(app, labels=["ham", "spam spam spam"])
    work.run(fresh("#say=ham"), fresh("#say=spam_spam_spam"))

    assert [one.confidence for one in work.results.values()] == pytest.approx(
        [0.904837, 0.740818], abs=1e-6
    )


def test_without_log_probabilities_confidence_is_unknown(app: App) -> None:
    work = Work(app, model=GEMINI)
    work.run(fresh("ham"))

    assert work.results[0].confidence is None
