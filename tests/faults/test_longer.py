"""A budget holds for local answers too, whose cost grows for as long as they take."""

import threading
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.errors import Busy, EndedByBudget
from lib.core.prices import machine_cost
from lib.work.app import App
from tests.fakes import FakeServer
from tests.faults.conftest import kept
from tests.unit.builders import OLLAMA, answer, only_row, running, start
from tests.unit.crews import Work, fresh

RATE, PIECE_S = Decimal("3.6"), 1  # a tenth of a cent for each second
PIECE = Decimal("0.001")
LONG = "#tokens=40 #pace=0.1"  # about four seconds


def reserved(app: App) -> Decimal:
    return app.ledger.month().reserved_usd


def ready(fake: FakeServer, folder: Path, **settings: object) -> AbstractContextManager[App]:
    """An app whose local models cost money and whose reservations are small."""
    return running(fake, folder, gpu_usd_per_hour=str(RATE), model_timeout_s=PIECE_S, **settings)


def test_the_reservation_grows_with_the_answer(fake: FakeServer, tmp_path: Path) -> None:
    """At no moment has an answer cost more than is held for it; at its end it is settled."""
    with ready(fake, tmp_path, monthly_budget_usd=1) as app:
        pieces = start(app, OLLAMA, LONG)
        seen = []
        for _piece in pieces:
            seen.append(reserved(app))
        row, month = only_row(app), app.ledger.month()

    assert seen[0] == PIECE == machine_cost(RATE, PIECE_S)
    assert sorted(set(seen[:-1])) == [n * PIECE for n in range(1, len(set(seen[:-1])) + 1)]
    assert max(seen) >= 4 * PIECE
    assert row["finish"] == "stop"
    assert 3 * PIECE < row["cost_usd"] == month.spent_usd <= max(seen)
    assert month.reserved_usd == 0


def test_an_answer_the_budget_cannot_carry_is_ended(fake: FakeServer, tmp_path: Path) -> None:
    """What was said so far is shown; the reason follows, and no more than the budget is spent."""
    budget = PIECE * 25 / 10
    with ready(fake, tmp_path, monthly_budget_usd=str(budget)) as app:
        said = list[object]()
        with pytest.raises(EndedByBudget) as caught:
            said.extend(start(app, OLLAMA, LONG))
        row, month = only_row(app), app.ledger.month()
        hung_up = fake.wait_idle()

    assert 5 < len(said) < 35
    assert "MONTHLY_BUDGET_USD" in caught.value.hint
    assert "$0.000500 of this month's budget of $0.0025 is left" in str(caught.value)
    assert (row["finish"], row["error"]) == ("error", "over_budget")
    assert PIECE < row["cost_usd"] == month.spent_usd <= budget
    assert month.reserved_usd == 0
    assert hung_up


def test_a_failing_storage_ends_no_answer(
    fake: FakeServer, tmp_path: Path, sqlite_url: str, impatient: None
) -> None:
    """While nothing can be reserved the answer goes on; what it cost is written afterwards."""
    with ready(fake, tmp_path, monthly_budget_usd=1, database_url=sqlite_url) as app:
        pieces = start(app, OLLAMA, LONG)
        next(pieces)
        with kept(sqlite_url):
            said = list(pieces)
    with ready(fake, tmp_path, monthly_budget_usd=1, database_url=sqlite_url) as app:
        row = only_row(app)

    assert len(said) >= 39
    assert row["finish"] == "stop"
    assert row["cost_usd"] > 3 * PIECE


def test_a_short_answer_reserves_once(fake: FakeServer, tmp_path: Path) -> None:
    """Nothing is added for what ends in time, so little more than one piece must be left for it."""
    with ready(fake, tmp_path, monthly_budget_usd=str(2 * PIECE)) as app:
        for _ in range(3):
            answer(app, OLLAMA, "hello")
        month = app.ledger.month()

    assert month.reserved_usd == 0
    assert 0 < month.spent_usd < PIECE


def test_a_row_the_budget_cannot_carry_is_not_sent_again(fake: FakeServer, tmp_path: Path) -> None:
    """One call, counted and charged to its row; then nothing more is asked."""
    with ready(fake, tmp_path, monthly_budget_usd=str(PIECE * 197 / 100)) as app:
        work, text = Work(app, model=OLLAMA), fresh("ham #slow=0.97")
        settled = work.run(text)
        row, month = only_row(app), app.ledger.month()

    assert (settled, work.results, work.halted_by) == (False, {}, "over_budget")
    assert fake.texts.get(text) == 1
    assert (row["finish"], row["error"]) == ("error", "over_budget")
    assert work.took[0].cost_usd == row["cost_usd"] == month.spent_usd > 0
    assert work.took[0].latency_ms > 800


def test_an_answer_nobody_can_watch_is_not_asked(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a thread left for that it is busy; its row is closed and nothing stays reserved."""
    begin = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name.endswith("(_watch)"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    with ready(fake, tmp_path, monthly_budget_usd=1) as app:
        app.models.all()
        monkeypatch.setattr(threading.Thread, "start", none_left)
        before = len(fake.asked)
        with pytest.raises(Busy):
            answer(app, OLLAMA, "hello")
        row, month = only_row(app), app.ledger.month()
        monkeypatch.undo()
        text, _ = answer(app, OLLAMA, "hello")

    assert (row["finish"], row["error"]) == ("error", "busy")
    assert month.reserved_usd == 0
    assert month.spent_usd < PIECE
    assert len(fake.asked) == before + 1
    assert text == "hello"
