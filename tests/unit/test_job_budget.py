"""A job's own budget: kept to the picodollar, its own, and given up only when nothing can help."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.errors import OverBudget
from lib.core.prompt import single
from lib.core.spec import parse
from lib.store.database import Database
from lib.store.jobs import Jobs
from lib.store.ledger import Ledger
from lib.work.app import App
from lib.work.ask import fit, most_it_can_cost
from tests.fakes import FakeServer
from tests.unit.builders import CENT, GEMINI, VLLM, paid, running
from tests.unit.crews import LABELS, Work

PICO = Decimal("1e-12")


def job(database: Database, budget: Decimal | None, name: str = "j1") -> str:
    asked = parse({"labels": LABELS, "budget_usd": str(budget) if budget else None})
    Jobs(database).add(name, "file.csv", "upload", asked, GEMINI, 10, {})
    return name


def open_all(ledger: Ledger, name: str, usd: Decimal, count: int) -> list[str]:
    return [ledger.open(GEMINI, "job", usd, name) for _ in range(count)]


def test_a_budget_may_be_used_up_exactly(database: Database) -> None:
    ledger, name = Ledger(database), job(database, 3 * CENT)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "job", 3 * CENT + PICO, name)
    open_all(ledger, name, CENT, 3)
    with pytest.raises(OverBudget, match=r"\$0\.000000 of this job's budget") as caught:
        ledger.open(GEMINI, "job", PICO, name)

    assert "budget_usd" in caught.value.hint
    assert Jobs(database).get(name).reserved_usd == 3 * CENT


def test_what_a_call_did_cost_takes_the_place_of_what_it_could(database: Database) -> None:
    """An unknown cost keeps its reservation: it may have been charged."""
    ledger, name = Ledger(database), job(database, 3 * CENT)
    cheap, unknown = open_all(ledger, name, CENT, 2)
    ledger.close(cheap, paid(Decimal("0.004")))
    ledger.close(unknown, paid(None))
    record = Jobs(database).get(name)
    assert (record.spent_usd, record.reserved_usd, record.calls) == (Decimal("0.004"), CENT, 2)

    ledger.open(GEMINI, "job", Decimal("0.016"), name)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "job", PICO, name)


def test_a_refused_call_leaves_no_trace(database: Database) -> None:
    ledger, name = Ledger(database), job(database, CENT)
    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "job", 2 * CENT, name)

    assert (ledger.rows(), ledger.month().reserved_usd) == ([], 0)
    assert Jobs(database).get(name).calls == 0


def test_a_months_budget_refuses_a_jobs_call_without_a_trace_too(database: Database) -> None:
    ledger, name = Ledger(database, CENT), job(database, 5 * CENT)
    with pytest.raises(OverBudget, match="month"):
        ledger.open(GEMINI, "job", 2 * CENT, name)

    assert (Jobs(database).get(name).calls, Jobs(database).get(name).reserved_usd) == (0, 0)


def test_jobs_do_not_spend_each_others_budgets(database: Database) -> None:
    """Nor do chats; a job without a budget has none."""
    ledger = Ledger(database)
    one, two, free = (job(database, usd, str(usd)) for usd in (CENT, 2 * CENT, None))
    open_all(ledger, one, CENT, 1)
    open_all(ledger, two, CENT, 2)
    open_all(ledger, free, CENT, 30)
    ledger.open(GEMINI, "chat", CENT)

    for name in (one, two):
        with pytest.raises(OverBudget):
            ledger.open(GEMINI, "job", PICO, name)


def test_calls_that_cost_nothing_pass_a_budget_that_is_used_up(database: Database) -> None:
    ledger, name = Ledger(database), job(database, CENT)
    open_all(ledger, name, CENT, 1)
    open_all(ledger, name, Decimal(0), 2)

    assert Jobs(database).get(name).calls == 3


def test_a_larger_budget_makes_room(database: Database) -> None:
    ledger, jobs, name = Ledger(database), Jobs(database), job(database, CENT)
    open_all(ledger, name, CENT, 1)
    jobs.move(name, ["queued"], "over_budget")
    jobs.requeue(name, ["over_budget"], 2 * CENT)
    open_all(ledger, name, CENT, 1)

    with pytest.raises(OverBudget):
        ledger.open(GEMINI, "job", PICO, name)


def test_threads_cannot_race_past_a_jobs_budget(database: Database) -> None:
    ledger, name = Ledger(database), job(database, 10 * CENT)
    together = threading.Barrier(40)

    def call(_: int) -> bool:
        together.wait()
        try:
            ledger.open(GEMINI, "job", CENT, name)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(call, range(40))) == 10
    assert Jobs(database).get(name).reserved_usd == 10 * CENT


def worst_usd(app: App, text: str) -> Decimal:
    choice = app.models.find(GEMINI)
    request = single(parse({"labels": LABELS}).task, choice.info, text)
    return most_it_can_cost(app, choice, fit(choice.info, request))


@pytest.mark.parametrize(("more", "labels"), [(Decimal(0), ["eggs"]), (-PICO, [])])
def test_a_row_is_asked_when_its_worst_case_just_fits(
    app: App, fake: FakeServer, more: Decimal, labels: list[str]
) -> None:
    name = job(app.database, worst_usd(app, "eggs for the border") + more)
    work = Work(app, model=GEMINI, order={"job": name})
    before = len(fake.asked)

    assert work.run("eggs for the border") == bool(labels)
    assert work.labels == labels
    assert work.halted_by == (None if labels else "over_budget")
    assert len(fake.asked) - before == len(labels)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_a_crew_gives_up_only_when_nothing_is_in_flight_and_the_next_call_does_not_fit(
    tmp_path: Path, size: int
) -> None:
    """Calls turn out far cheaper than they could be, so room comes back while it waits."""
    with FakeServer(latency_s=0.002, sigma=1.0) as fake, running(fake, tmp_path) as app:
        worst = worst_usd(app, "ham number 100")
        name = job(app.database, worst * 3)
        work = Work(app, size, model=GEMINI, order={"job": name})
        complete = work.run(*(f"ham number {n}" for n in range(100, 160)))
        record = app.jobs.get(name)
    costs = [result.cost_usd for result in work.results.values()]

    assert (complete, work.halted_by) == (False, "over_budget")
    assert record.spent_usd == sum(costs)
    assert record.reserved_usd == 0
    assert record.spent_usd + worst > worst * 3 >= record.spent_usd - costs[-1] + worst


def test_rows_that_did_not_fit_stay_unasked(app: App) -> None:
    name = job(app.database, worst_usd(app, "ham number 1"))
    work = Work(app, 4, model=GEMINI, order={"job": name})
    work.run(*(f"ham number {n}" for n in range(1, 9)))

    assert work.halted_by == "over_budget"
    assert 0 < len(work.results) < 8
    assert work.errors == [None] * len(work.results)


def test_a_months_budget_ends_a_job_in_the_same_way(fake: FakeServer, tmp_path: Path) -> None:
    with running(fake, tmp_path, monthly_budget_usd="0.000001") as app:
        work = Work(app, model=GEMINI, order={"job": job(app.database, None)})
        work.run("ham")

    assert (work.halted_by, work.results) == ("over_budget", {})


def test_local_calls_without_a_rate_pass_a_jobs_budget(app: App) -> None:
    work = Work(app, model=VLLM, order={"job": job(app.database, PICO)})

    assert work.run("ham")
