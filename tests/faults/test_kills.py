"""kill -9 at random moments: what has come back from a write is there, and every sum is right."""

import random
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from lib.store.conversations import Conversations
from lib.store.database import Database
from lib.store.job_rows import JobRows
from lib.store.jobs import Jobs
from lib.store.ledger import Ledger
from lib.store.settings import ROOT
from tests.fakes import FakeServer
from tests.faults.soak import times
from tests.faults.writer import COST, ROWS
from tests.jobs.conftest import Client, Launch, ended, more_than
from tests.unit.builders import CENT, wait_until

KILLS = times(short=4, long=40)
pytestmark = pytest.mark.timeout(times(short=180, long=1800))


class Said:
    """What the killed processes said had come back from the database."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.closed: set[str] = set()
        self.words: dict[str, int] = {}
        self.rows: dict[str, int] = defaultdict(lambda: -1)

    def take(self, text: str) -> None:
        for line in text[: text.rfind("\n") + 1].splitlines():
            what, name, *number = line.split()
            if what == "opened":
                self.opened.add(name)
            elif what == "closed":
                self.closed.add(name)
            elif what == "said":
                self.words[name] = int(number[0])
            elif what == "stored":
                self.rows[name] = int(number[0])


def run_and_kill(url: str, out: Path, after_s: float) -> str:
    """Everything the process printed until it was killed, so long after its first word."""
    command = [sys.executable, "-m", "tests.faults.writer", url]
    with out.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file)
    assert wait_until(lambda: out.stat().st_size, timeout_s=30)
    time.sleep(after_s)
    process.kill()
    process.wait()
    return out.read_text()


def check_calls(database: Database, said: Said) -> None:
    ledger = Ledger(database)
    rows, month = ledger.rows(), ledger.month()
    done = {row["id"] for row in rows if row["finish"] == "stop"}

    assert said.opened <= {row["id"] for row in rows}
    assert said.closed <= done
    assert all(row["cost_usd"] == COST for row in rows if row["id"] in done)
    assert month.spent_usd == len(done) * COST
    assert month.reserved_usd == (len(rows) - len(done)) * CENT  # the dead keep what they held


def check_conversations(database: Database, said: Said) -> None:
    store = Conversations(database)
    for conversation, words in said.words.items():
        prompt, answer = store.turns(conversation)
        assert prompt.text == "hello"
        assert words <= len(answer.text.split()) <= 5


def check_jobs(database: Database, said: Said) -> None:
    for name, last in said.rows.items():
        job = Jobs(database).get(name)
        done = [one for one in JobRows(database).results(name, ROWS) if one.finished]
        assert len(done) == job.rows_done > last
        assert job.cost_usd == len(done) * COST == sum(one.cost_usd or 0 for one in done)


def test_a_killed_writer_loses_nothing_it_had_written(database_url: str, tmp_path: Path) -> None:
    """Ledger, conversations and a job's results, again and again in the same database."""
    chance, said = random.Random(20261122), Said()
    for _ in range(KILLS):
        said.take(run_and_kill(database_url, tmp_path / "said", chance.uniform(0.02, 0.5)))
        with closing(Database(database_url)) as database:
            check_calls(database, said)
            check_conversations(database, said)
            check_jobs(database, said)
            if database.is_sqlite:
                with database.read() as connection:
                    assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"

    assert len(said.closed) > KILLS
    assert len(said.words) > KILLS
    assert max(said.rows.values()) > 0


@pytest.mark.parametrize("seed", range(times(short=1, long=3)))
def test_a_job_whose_server_is_killed_again_and_again(
    seed: int, launch: Launch, slow_fake: FakeServer
) -> None:
    """Every row once, no answer that was stored is paid twice, and every sum is right."""
    chance, before = random.Random(seed), len(slow_fake.asked)
    concurrency, kills = 10, times(short=1, long=8)
    rows_total = 150 * kills
    site = launch("k")
    with Client(site) as client:
        job = client.begin(rows_total, concurrency=concurrency)
    for _ in range(kills):
        with Client(site) as client:
            client.wait(job, more_than(client.job(job)["rows_done"]))
        time.sleep(chance.uniform(0.0, 0.8))
        site.process.kill()
        site.process.wait()
        site = launch("k")
    with Client(site) as client:
        found, rows = client.wait(job, ended), client.results(job)
    site.stop()

    assert (found["state"], found["rows_done"], found["rows_failed"]) == ("done", rows_total, 0)
    assert [row["text"].split()[1] for row in rows] == [str(n) for n in range(rows_total)]
    asked = len(slow_fake.asked) - before
    assert rows_total <= asked <= rows_total + kills * concurrency
    check_ledger_of_a_job(site.log_file.parent / "data" / "playground.db", found)


def check_ledger_of_a_job(file: Path, found: dict[str, object]) -> None:
    """The ledger has every call; what was paid for stored rows is what the job says it cost."""
    with closing(Database(f"sqlite:///{file}")) as database:
        rows, month = Ledger(database).rows(), Ledger(database).month()
    dead = [row for row in rows if row["total_ms"] is None]

    assert len(rows) == found["calls"]
    assert month.spent_usd == sum(row["cost_usd"] or Decimal(0) for row in rows)
    assert month.reserved_usd * 10**12 == sum(row["reserved_picousd"] for row in rows)
    assert all(row["finish"] == "incomplete" and row["reserved_picousd"] for row in dead)
