"""Threads and processes that write at once, or are killed, lose no call and no picodollar."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from lib.store.database import Database
from lib.store.ledger import Ledger
from lib.store.settings import ROOT
from tests.unit.builders import CENT, GEMINI, paid

ODD = Decimal("0.000000123457")  # a sum of these shows every lost or rounded picodollar
WRITER = f"""
import sys
from decimal import Decimal
from lib.core.chat import Finish
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome
ledger = Ledger(Database(sys.argv[1]))
sys.stdin.readline()
for _ in range(100):
    call = ledger.open({GEMINI!r}, "job", Decimal("0.01"))
    ledger.close(call, Outcome(Finish.STOP, cost_usd=Decimal("{ODD}"), total_ms=1.0))
"""
DIER = f"""
import sys, time
from decimal import Decimal
from lib.store.database import Database
from lib.store.ledger import Ledger
print(Ledger(Database(sys.argv[1])).open({GEMINI!r}, "chat", Decimal("0.25")), flush=True)
time.sleep(60)
"""


def process(code: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_who_close_at_once_settle_once(database: Database):
    """A call closed by many threads at once is paid once."""
    ledger = Ledger(database)
    call = ledger.open(GEMINI, "chat", CENT)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.close(call, paid(Decimal("0.001"))), range(8)))
    month = ledger.month()

    assert (month.spent_usd, month.reserved_usd) == (Decimal("0.001"), 0)


def test_parallel_writers_lose_nothing(database: Database):
    """Ten writers of a hundred calls each: every row is there and the sum is exact."""
    ledger = Ledger(database)

    def write(_: int) -> None:
        for _ in range(100):
            ledger.close(ledger.open(GEMINI, "job", CENT), paid(ODD))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(10)))
    rows, month = ledger.rows(), ledger.month()

    assert len({row["id"] for row in rows}) == 1000
    assert sum(row["cost_usd"] for row in rows) == 1000 * ODD
    assert (month.spent_usd, month.reserved_usd) == (1000 * ODD, 0)


def test_processes_lose_nothing(database_url: str):
    """Two processes that write at the same time: every row is there and the sum is exact."""
    writers = [process(WRITER, database_url) for _ in range(2)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    codes = [writer.wait(60) for writer in writers]
    for writer in writers:
        writer.communicate()
    database = Database(database_url)
    ledger = Ledger(database)
    rows, month = ledger.rows(), ledger.month()
    database.close()

    assert codes == [0, 0]
    assert len(rows) == 200
    assert (month.spent_usd, month.reserved_usd) == (200 * ODD, 0)


def test_a_killed_process_leaves_its_call_incomplete(database_url: str):
    """A kill -9 in the middle of a call leaves its row as «incomplete», its money reserved."""
    dier = process(DIER, database_url)
    call = dier.stdout.readline().strip()
    os.kill(dier.pid, signal.SIGKILL)
    dier.communicate()
    database = Database(database_url)
    ledger = Ledger(database)
    (row,), month = ledger.rows(), ledger.month()
    database.close()

    assert (row["id"], row["finish"], row["cost_usd"]) == (call, "incomplete", None)
    assert row["total_ms"] is None
    assert (month.spent_usd, month.reserved_usd) == (0, Decimal("0.25"))
