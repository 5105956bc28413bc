"""Batches of a job's requests at the provider: written down before they are sent, until they end.

Each holds its requests' rows and their calls in the ledger. What was written down is found again
after a kill, on any machine, and nothing is sent or paid for twice.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from lib.store import batch_sql as sql
from lib.store.database import Database, to_json
from lib.store.job_rows import Answered, store_in
from lib.store.ledger import Ledger, Outcome, new_id

End = Literal["collected", "failed", "expired", "cancelled", "refused"]
Sending = Literal["sending", "waiting"] | End


@dataclass(frozen=True, slots=True)
class Batch:
    """`id` is our name for it, `name` the provider's once it is known to be there.

    `calls` gives the rows, by number in the file, of each request, by its call in the ledger.
    `created` and `tried`, when it was last sent, are in seconds since 1970.
    """

    id: str
    job: str
    chunk: int
    state: Sending
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
            connection.execute(sql.ADD, values)
            return made

        return self._database.share(write)

    def open(self, job: str, chunk: int) -> list[Batch]:
        """Those of a chunk that have not ended, oldest first."""
        return self._read(sql.OPEN, {"job": job, "chunk": chunk})

    def stray(self) -> list[Batch]:
        """Those that have not ended, and whose job is cancelled or gone: nobody waits for them."""
        return self._read(sql.STRAY, {})

    def any_open(self) -> bool:
        """Whether one has not ended, whoever's it is."""
        with self._database.read() as connection:
            return connection.execute(sql.ANY).first() is not None

    def any_awaited(self, job: str | None = None) -> bool:
        """Whether a job that goes on (this one) waits for one: that may yet cost less than it has
        reserved. One of a job that stands still keeps its reservation, for ever maybe."""
        with self._database.read() as connection:
            return connection.execute(sql.AWAITED, {"job": job}).first() is not None

    def age_s(self, batch: Batch) -> float:
        """Seconds since it was last sent, as far as machines' clocks agree."""
        return max(0.0, self.now() - batch.tried)

    def try_now(self, batch: str) -> bool:
        """It is about to be sent (again); False: somebody else knows better by now."""
        return self._change(sql.TRY, {"id": batch, "now": self.now()})

    def sent(self, batch: str, name: str) -> bool:
        """The provider has it, under this name; False: nobody waits for it under that one."""
        return self._change(sql.SENT, {"id": batch, "name": name})

    def end(
        self, batch: Batch, state: End, calls: Mapping[str, Outcome], rows: Sequence[Answered]
    ) -> bool:
        """It is over, and so are its calls; what its rows got is stored: all of it at once.

        False: somebody else ended it before, and nothing was changed.
        """

        def write(connection: sa.Connection) -> bool:
            values = {"id": batch.id, "state": state, "now": _iso(self.now())}
            if not connection.execute(sql.END, values).rowcount:
                return False
            self._ledger.close_many(connection, calls)
            store_in(connection, batch.job, rows)
            return True

        return self._database.share(write)

    def forget(self) -> None:
        """What has ended of jobs that are gone."""
        with self._database.write() as connection:
            connection.execute(sql.FORGET)

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
