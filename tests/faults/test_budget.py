"""A budget holds for parallel callers, threads, processes and machines, and over a month's end."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Finish
from lib.core.errors import OverBudget
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome
from lib.store.settings import ROOT
from lib.work.ask import fit, most_it_can_cost
from tests.api.conftest import Api, api_with, settings_for
from tests.fakes import FakeServer
from tests.faults.racer import COST
from tests.faults.soak import times
from tests.unit.builders import CENT, GEMINI, at, paid, prompt, running

WRITERS, CALLS = 10, 1000


def race(url: str, processes: int, calls: int, threads: int, budget: str = "0") -> list[int]:
    """So many processes begin at once; how many of its calls each made."""
    Database(url).close()
    command = [sys.executable, "-m", "tests.faults.racer", url, str(calls), str(threads), budget]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(processes)
    ]
    assert [one.stdout and one.stdout.readline() for one in running] == ["ready\n"] * processes
    for one in running:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    return [int(one.communicate(timeout=170)[0]) for one in running]


def test_ten_processes_lose_no_call(database_url: str) -> None:
    """Each row is there once, and the month's sum is right to the picodollar.

    The threads of each share transactions, so that it takes seconds; with SOAK=1 each call has its
    own.
    """
    # A Postgres on two cores is the slower one, and its rows are locked like anybody's.
    calls = CALLS if database_url.startswith("sqlite") else times(short=200, long=CALLS)
    assert race(database_url, WRITERS, calls, threads=times(short=16, long=1)) == [calls] * WRITERS
    with closing(Database(database_url)) as database:
        rows, month = Ledger(database).rows(), Ledger(database).month()

    assert len({row["id"] for row in rows}) == len(rows) == WRITERS * calls
    assert all(row["cost_usd"] == COST and row["finish"] == "stop" for row in rows)
    assert (month.spent_usd, month.reserved_usd) == (WRITERS * calls * COST, 0)


def test_processes_share_one_budget(database_url: str) -> None:
    """Of fifty calls of two processes exactly as many are let through as there is money for."""
    room = 10
    through = race(database_url, 2, calls=25, threads=25, budget=str(room * CENT))
    with closing(Database(database_url)) as database:
        rows, month = Ledger(database).rows(), Ledger(database).month()

    assert sum(through) == len(rows) == room
    assert month.reserved_usd == room * CENT


def worst_usd(fake: FakeServer, folder: Path, text: str, max_tokens: int) -> Decimal:
    """What is reserved for such a prompt."""
    with running(fake, folder) as app:
        choice = app.models.find(GEMINI)
        return most_it_can_cost(app, choice, fit(choice.info, prompt(text, max_tokens=max_tokens)))


def at_once(api: Api, body: dict[str, Any], count: int) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: api.post("/chat", json=body), range(count)))


def test_fifty_callers_with_money_for_ten(fake: FakeServer, tmp_path: Path) -> None:
    """Ten calls go out and no more, though none of them is ever settled; the rest hears why."""
    text, most = "hello #fault=hang", 100
    worst = worst_usd(fake, tmp_path / "look", text, most)
    settings = settings_for(
        fake, tmp_path / "api", monthly_budget_usd=str(10 * worst), model_timeout_s=2
    )
    with api_with(settings) as api:
        api.app.models.all()
        before = len(fake.asked)
        body = {"message": text, "model": GEMINI, "max_tokens": most}
        answers = at_once(api, body, times(short=50, long=200))
        made = [one for one in answers if one.status_code != 402]
        refused = [one.json()["error"] for one in answers if one.status_code == 402]
        rows, month = api.app.ledger.rows(), api.app.ledger.month()

    assert len(fake.asked) - before == len(rows) == len(made) == 10
    assert {one.json()["error"]["code"] for one in made} == {"timed_out"}
    assert {error["code"] for error in refused} == {"over_budget"}
    assert all("$0.000000 of this month" in error["message"] for error in refused)
    assert all("MONTHLY_BUDGET_USD" in error["hint"] for error in refused)
    assert (month.spent_usd, month.reserved_usd) == (0, 10 * worst)


def test_what_calls_did_not_need_is_there_for_others(fake: FakeServer, tmp_path: Path) -> None:
    """One after the other, many more calls fit than their worst cases would let through."""
    worst = worst_usd(fake, tmp_path / "look", "hello", 1000)
    settings = settings_for(fake, tmp_path / "api", monthly_budget_usd=str(worst * 11 / 10))
    with api_with(settings) as api:
        body = {"message": "hello", "model": GEMINI, "max_tokens": 1000}
        statuses = [api.post("/chat", json=body).status_code for _ in range(12)]
        month = api.app.ledger.month()

    assert statuses == [200] * 12
    assert month.reserved_usd == 0
    assert 0 < month.spent_usd < worst


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [("bad_request", [422] * 3), ("rate_limited", [429] * 3), ("reset", [502, 402, 402])],
)
def test_only_what_was_surely_free_is_given_back(
    fake: FakeServer, tmp_path: Path, fault: str, statuses: list[int]
) -> None:
    """A refused call leaves the budget as it was; one that broke may have been charged."""
    text = f"one two three #fault={fault}"
    worst = worst_usd(fake, tmp_path / "look", text, 100)
    settings = settings_for(fake, tmp_path / "api", monthly_budget_usd=str(worst))
    with api_with(settings) as api:
        body = {"message": text, "model": GEMINI, "max_tokens": 100}
        answers = [api.post("/chat", json=body).status_code for _ in statuses]

    assert answers == statuses


def test_a_call_belongs_to_the_month_it_began_in(database: Database) -> None:
    """Settled after midnight, it frees and spends November's money; December's stays whole."""
    november = Ledger(database, CENT, at("2026-11-30T23:59:59"))
    december = Ledger(database, CENT, at("2026-12-01T00:00:01"))
    call = november.open(GEMINI, "chat", CENT)
    new = december.open(GEMINI, "chat", CENT)
    december.close(call, paid(Decimal("0.004")))

    assert (november.month().spent_usd, november.month().reserved_usd) == (Decimal("0.004"), 0)
    assert (december.month().spent_usd, december.month().reserved_usd) == (0, CENT)
    with pytest.raises(OverBudget):
        december.open(GEMINI, "chat", CENT)
    december.close(new, Outcome(Finish.ERROR, released=True))
    assert december.month().reserved_usd == 0
