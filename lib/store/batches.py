"""Batches of a job's requests at the provider: written down before they are sent, until they end.

Each holds its requests' rows and their calls in the ledger. What was written down is found again
after a kill, on any machine, and nothing is sent or paid for twice.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from lib.store.database import Database, to_json
from lib.store.ledger import Ledger, new_id

End = Literal["collected", "failed", "expired", "cancelled", "refused"]
BatchState = Literal["sending", "waiting"] | End


@dataclass(frozen=True, slots=True)
class Batch:
    """`id` is our name for it, `name` the provider's once it is known to be there.

    `calls` gives the rows, by number in the file, of each request, by its call in the ledger.
    `created` and `tried`, when it was last sent, are in seconds since 1970.
    """

    id: str
    job: str
    chunk: int
    state: BatchState
    name: str | None
    calls: dict[str, tuple[int, ...]]
    created: float
    tried: float

    @property
    def rows(self) -> frozenset[int]:
        return frozenset(n for rows in self.calls.values() for n in rows)


class Batches:
    def __init__(
        self, database: Database, ledger: Ledger, now: Callable[[], float] = time.time
    ) -> None:
        self._database, self._ledger, self.now = database, ledger, now

    def begin(
        self, job: str, chunk: int, model: str, asks: Sequence[tuple[tuple[int, ...], Decimal]]
    ) -> Batch:
        """Write down a batch that is about to be sent, and reserve what it could cost.

        `asks` are the rows of each request and its worst case in USD. The batch holds the first
        ones, as many as the budgets have room for; OverBudget when that is none.
        """
        now, batch = self.now(), new_id()

        def write(connection: sa.Connection) -> Batch:
            usd = [worst for _, worst in asks]
            opened = self._ledger.open_many(connection, model, usd, job)
            calls = dict(zip(opened, (rows for rows, _ in asks), strict=False))
            made = Batch(batch, job, chunk, "sending", None, calls, now, now)
            values = {
                "id": batch, "job": job, "chunk": chunk, "rows": len(made.rows),
                "calls": to_json(calls), "created": _iso(now), "tried": now,
            }  # fmt: skip
            connection.execute(_ADD, values)
            return made

        return self._database.share(write)

    def open(self, job: str, chunk: int) -> list[Batch]:
        """Those of a chunk that have not ended, oldest first."""
        return self._read(_OPEN, {"job": job, "chunk": chunk})

    def stray(self) -> list[Batch]:
        """Those that have not ended, and whose job is cancelled or gone: nobody waits for them."""
        return self._read(_STRAY, {})

    def any_open(self, job: str | None = None) -> bool:
        """Whether one (of the job) has not ended: it may cost less than it has reserved."""
        with self._database.read() as connection:
            return connection.execute(_ANY, {"job": job}).first() is not None

    def try_now(self, batch: str) -> bool:
        """It is about to be sent (again); False: somebody else knows better by now."""
        return self._change(_TRY, {"id": batch, "now": self.now()})

    def sent(self, batch: str, name: str) -> bool:
        """The provider has it, under this name; False: nobody waits for it any more."""
        return self._change(_SENT, {"id": batch, "name": name})

    def end(self, batch: str, state: End) -> bool:
        """It is over, once; False: it was already."""
        return self._change(_END, {"id": batch, "state": state, "now": _iso(self.now())})

    def forget(self) -> None:
        """What has ended of jobs that are gone."""
        with self._database.write() as connection:
            connection.execute(_FORGET)

    def _change(self, statement: sa.TextClause, values: dict[str, Any]) -> bool:
        with self._database.write() as connection:
            return connection.execute(statement, values).rowcount == 1

    def _read(self, statement: sa.TextClause, values: dict[str, Any]) -> list[Batch]:
        with self._database.read() as connection:
            return [_batch(row) for row in connection.execute(statement, values)]


def _batch(row: Any) -> Batch:
    calls = {call: tuple(rows) for call, rows in json.loads(row.calls).items()}
    created = datetime.fromisoformat(row.created).timestamp()
    return Batch(row.id, row.job, row.chunk, row.state, row.name, calls, created, row.tried)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


IS_OPEN = "state IN ('sending', 'waiting')"
_ADD = sa.text(
    "INSERT INTO batches (id, job, chunk, state, rows_sent, calls, created, tried)"
    " VALUES (:id, :job, :chunk, 'sending', :rows, :calls, :created, :tried)"
)
_OPEN = sa.text(
    f"SELECT * FROM batches WHERE job = :job AND chunk = :chunk AND {IS_OPEN} ORDER BY created, id"
)
_STRAY = sa.text(
    f"SELECT * FROM batches WHERE {IS_OPEN} AND NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE jobs.id = batches.job AND jobs.state <> 'cancelled')"
)
_ANY = sa.text(
    f"SELECT 1 FROM batches WHERE {IS_OPEN} AND (job = :job OR :job IS NULL) LIMIT 1"
).bindparams(sa.bindparam("job", type_=sa.Text))
_TRY = sa.text("UPDATE batches SET tried = :now WHERE id = :id AND state = 'sending'")
_SENT = sa.text(
    "UPDATE batches SET state = 'waiting', name = :name WHERE id = :id AND state = 'sending'"
)
_END = sa.text(f"UPDATE batches SET state = :state, ended = :now WHERE id = :id AND {IS_OPEN}")
_FORGET = sa.text(
    f"DELETE FROM batches WHERE NOT ({IS_OPEN}) AND NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE jobs.id = batches.job)"
)
