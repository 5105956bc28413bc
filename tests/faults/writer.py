"""A process that writes calls, conversations and a job's rows until it is killed.

python -m tests.faults.writer URL prints a line after each write that has come back: what it says
there must be in the database, whatever happens to the process.
"""

import sys
import threading
from decimal import Decimal
from itertools import count

from lib.core.chat import Finish, Usage
from lib.core.spec import parse
from lib.core.task import RowResult
from lib.store.conversations import Conversations, Turn
from lib.store.database import Database
from lib.store.job_rows import Answered, JobRows, Row
from lib.store.jobs import Jobs
from lib.store.ledger import Ledger, Outcome, new_id

GEMINI, CENT = "gemini/gemini-3.1-flash-lite", Decimal("0.01")
COST = Decimal("0.000000123457")  # a sum of these shows every lost or rounded picodollar
ROWS = 100_000
USAGE = Usage(7, 1, 0, 0)


def calls(database: Database) -> None:
    ledger = Ledger(database)
    while True:
        call = ledger.open(GEMINI, "chat", CENT)
        say("opened", call)
        ledger.close(call, Outcome(Finish.STOP, USAGE, COST, total_ms=1.0))
        say("closed", call)


def conversations(database: Database) -> None:
    store = Conversations(database)
    while True:
        conversation = store.start("hello")
        store.add(conversation, [Turn(0, "user", "hello"), Turn(1, "assistant", "")])
        for words in range(1, 6):
            store.rewrite(conversation, Turn(1, "assistant", " ".join(["word"] * words)))
            say("said", conversation, words)


def job(database: Database) -> None:
    rows, name = JobRows(database), new_id()
    asked = parse({"text_column": "text", "labels": ["a", "b"]})
    Jobs(database).add(name, "rows.csv", "upload", asked, GEMINI, ROWS, {})
    say("job", name)
    for n in count():
        result = RowResult("a", None, None, GEMINI, USAGE, COST, 1.0)
        rows.store(name, [Answered(Row(n, f"row {n}"), result, f"{name}{n}")])
        say("stored", name, n)


def say(*words: object) -> None:
    # One write, so that a kill cuts at most the last line.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    database = Database(sys.argv[1])
    for work in (calls, calls, calls, conversations, job):
        threading.Thread(target=work, args=(database,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
