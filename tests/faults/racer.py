"""A process among several that open and close calls on one database at the same time.

python -m tests.faults.racer URL CALLS THREADS BUDGET waits for a line on its input, makes CALLS
calls in THREADS threads, each reserving a cent, and prints how many the budget let through. A
BUDGET of 0 is none, and then each call is closed at `COST`; else all of them stay open.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from lib.core.chat import Finish
from lib.core.errors import OverBudget
from lib.store.database import Database
from lib.store.ledger import Ledger, Outcome

# Nothing else of the tests is imported here: ten of these start at once.
CENT, COST = (
    Decimal("0.01"),
    Decimal("0.000000123457"),
)  # a sum of these shows every lost or rounded picodollar


def main() -> None:
    url, calls, threads, budget = sys.argv[1:]
    ledger = Ledger(Database(url), Decimal(budget) or None)

    def call(_: int) -> bool:
        try:
            opened = ledger.open("gemini/some", "job", CENT)
        except OverBudget:
            return False
        if ledger.budget_usd is None:
            ledger.close(opened, Outcome(Finish.STOP, cost_usd=COST, total_ms=1.0))
        return True

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(int(threads)) as pool:
        sys.stdout.write(f"{sum(pool.map(call, range(int(calls))))}\n")


if __name__ == "__main__":
    main()
