"""The ledger: one row for every call to a model, however it ends, and the month's budget."""

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from lib.core.chat import Finish, Source, Usage
from lib.core.errors import JobOverBudget, NotFound, OverBudget
from lib.store import ledger_sql as sql
from lib.store.database import Database

PICO = Decimal(10) ** 12  # money is stored in whole 1e-12 USD: sums in SQL stay exact
MOST = 2**63 - 1  # what a BIGINT holds, 9.2 million USD; a higher budget bounds nothing below it


def new_id(now: Callable[[], int] = time.time_ns) -> str:
    """Sortable by time, unguessable enough not to collide between machines."""
    return f"{now():016x}{secrets.token_hex(6)}"


def to_pico(usd: Decimal) -> int:
    return int(min((usd * PICO).to_integral_value(ROUND_HALF_EVEN), Decimal(MOST)))


def to_usd(pico: int | None) -> Decimal | None:
    return None if pico is None else Decimal(int(pico)) / PICO


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. `cost_usd` None is unknown: then what was reserved stays counted.

    `released` says that the provider charged nothing, because it refused the request.
    """

    finish: Finish
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    released: bool = False
    error: str | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None
    version: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """What this month has cost and what calls in flight, or of unknown cost, may cost."""

    spent_usd: Decimal
    reserved_usd: Decimal


class Ledger:
    """`budget_usd` bounds a calendar month (UTC); None bounds nothing."""

    def __init__(
        self,
        database: Database,
        budget_usd: Decimal | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self.budget_usd, self._now = database, budget_usd, now
        self._months: set[str] = set()  # whose row is known to be there
        self._late = database.late(self._settle)

    def open(self, model: str, source: Source, reserve_usd: Decimal, job: str | None = None) -> str:
        """Reserve the worst case and write the call's row; raises OverBudget and writes nothing.

        The row says «incomplete» until `close`: that is the truth if this process dies. A call of
        a job is held against the job's own budget too, and counted there.
        """
        started, reserve = self._now(), to_pico(reserve_usd)

        def write(connection: sa.Connection) -> list[str]:
            return self._open(connection, started, model, source, [reserve], job)

        (call,) = self._database.share(write)
        self._months.add(f"{started:%Y-%m}")
        return call

    def open_many(
        self, connection: sa.Connection, model: str, reserves_usd: Sequence[Decimal], job: str
    ) -> list[str]:
        """Rows for calls a job sends together, the first ones: as many as the budgets have room
        for. Raises OverBudget and writes nothing when that is none. In a shared transaction only.
        """
        started, reserves = self._now(), [to_pico(usd) for usd in reserves_usd]
        room = self._room(connection, f"{started:%Y-%m}", job)
        fitting = sum(total <= room for total in accumulate(reserves))
        return self._open(connection, started, model, "job", reserves[: max(1, fitting)], job)

    def _open(
        self, connection: sa.Connection, started: datetime, model: str, source: Source,
        reserves: list[int], job: str | None,
    ) -> list[str]:  # fmt: skip
        month, calls = f"{started:%Y-%m}", [new_id() for _ in reserves]
        if month not in self._months:
            connection.execute(sql.NEW_MONTH, {"month": month})
        self._reserve(connection, month, sum(reserves), job)
        if job is not None:
            opened = {"job": job, "reserve": sum(reserves), "calls": len(calls)}
            connection.execute(sql.OPEN_IN_JOB, opened)
        row = {
            "started": _text(started), "month": month, "model": model, "source": source,
            "finish": Finish.INCOMPLETE.value, "job": job,
        }  # fmt: skip
        pairs = zip(calls, reserves, strict=True)
        connection.execute(sql.OPEN, [{**row, "id": call, "reserve": pico} for call, pico in pairs])
        return calls

    def extend(self, call: str, more_usd: Decimal) -> None:
        """Reserve more for a call under way; raises OverBudget and changes nothing."""
        more = to_pico(more_usd)

        def write(connection: sa.Connection) -> None:
            row = connection.execute(sql.FIND, {"id": call}).one()
            if row.total_ms is not None:
                return
            self._reserve(connection, row.month, more, row.job)
            if row.job is not None:
                connection.execute(sql.EXTEND_IN_JOB, {"job": row.job, "reserve": more})
            connection.execute(sql.EXTEND, {"id": call, "reserve": more})

        self._database.share(write)

    def close(self, call: str, outcome: Outcome) -> None:
        """Settle the reservation and complete the row. Closing twice changes nothing.

        What the storage does not take now is written later: nobody loses an answer over it. Until
        then the row says «incomplete» and keeps its reservation.
        """
        self._late.save(call, outcome)

    @property
    def unsettled(self) -> int:
        """How many calls have ended whose end is still to be written."""
        return len(self._late)

    def _settle(self, call: str, outcome: Outcome) -> None:
        self._database.share(lambda connection: self.close_many(connection, {call: outcome}))

    def close_many(self, connection: sa.Connection, ended: Mapping[str, Outcome]) -> None:
        """As `close`, for calls that end together, at once or not at all. In a shared transaction
        only, so that nobody else closes one of them meanwhile."""
        found = connection.execute(sql.UNENDED, {"calls": list(ended)}).all()
        rows, sums = [], defaultdict[tuple[str, str | None], Counter[str]](Counter)
        for call in found:
            outcome = ended[call.id]
            cost = None if outcome.cost_usd is None else to_pico(outcome.cost_usd)
            keep = call.reserved_picousd if cost is None and not outcome.released else 0
            rows.append(sql.columns(outcome) | {"id": call.id, "cost": cost, "keep": keep})
            freed = call.reserved_picousd - keep
            sums[call.month, call.job].update(cost=cost or 0, freed=freed)
        if rows:
            connection.execute(sql.CLOSE, rows)
        for (month, job), settled in sums.items():
            connection.execute(sql.SETTLE, {**settled, "month": month})
            if job is not None:
                connection.execute(sql.SETTLE_IN_JOB, {**settled, "job": job})

    def in_flight(self, longest_s: float, job: str | None = None) -> bool:
        """Whether a call (of the job) is under way anywhere.

        Older ones died with their process, and so did those that began when the clock was wrong.
        """
        now, longest = self._now(), timedelta(seconds=longest_s)
        values = {"since": _text(now - longest), "until": _text(now + longest), "job": job}
        with self._database.read() as connection:
            return connection.execute(sql.IN_FLIGHT, values).first() is not None

    def month(self) -> Month:
        with self._database.read() as connection:
            row = connection.execute(sql.MONTH, {"month": f"{self._now():%Y-%m}"}).one_or_none()
        spent, reserved = (row.spent_picousd, row.reserved_picousd) if row else (0, 0)
        return Month(Decimal(spent) / PICO, Decimal(reserved) / PICO)

    def rows(self) -> list[dict[str, Any]]:
        """Every call, oldest first; money as Decimal `cost_usd`."""
        with self._database.read() as connection:
            found = connection.execute(sa.text("SELECT * FROM calls ORDER BY started, id"))
            return [{**row, "cost_usd": to_usd(row["cost_picousd"])} for row in found.mappings()]

    def _check_job(self, connection: sa.Connection, job: str, reserve: int) -> None:
        # Shared transactions run one after the other, so nobody can write between check and update.
        row = connection.execute(sql.JOB, {"job": job}).one_or_none()
        if row is None:
            raise NotFound("The job was deleted.")
        if row.budget_picousd is None or not reserve:
            return
        used = row.spent_picousd + row.reserved_picousd
        if used + reserve > row.budget_picousd:
            left = max(0, row.budget_picousd - used)
            raise JobOverBudget(
                f"The next call could cost ${Decimal(reserve) / PICO:.6f}, and "
                f"${Decimal(left) / PICO:.6f} of this job's budget is left."
            )

    def _room(self, connection: sa.Connection, month: str, job: str) -> int:
        """What calls of a job may still reserve, in picodollars."""
        used = connection.execute(sql.MONTH, {"month": month}).one_or_none()
        spent = used.spent_picousd + used.reserved_picousd if used else 0
        room = MOST if self.budget_usd is None else to_pico(self.budget_usd) - spent
        row = connection.execute(sql.JOB, {"job": job}).one_or_none()
        if row is None or row.budget_picousd is None:
            return room
        return min(room, int(row.budget_picousd - row.spent_picousd - row.reserved_picousd))

    def _reserve(
        self, connection: sa.Connection, month: str, reserve: int, job: str | None
    ) -> None:
        """Add to what the month has reserved, if that and the job's budget allow it."""
        if job is not None:
            self._check_job(connection, job, reserve)
        # One statement that checks and adds: two calls cannot both see the same free dollars.
        values, statement = {"month": month, "reserve": reserve}, sql.RESERVE
        if self.budget_usd is not None and reserve:
            values["room"], statement = to_pico(self.budget_usd) - reserve, sql.RESERVE_WITHIN
        if connection.execute(statement, values).rowcount != 1:
            raise self._over(connection, month, reserve)

    def _over(self, connection: sa.Connection, month: str, reserve: int) -> OverBudget:
        row = connection.execute(sql.MONTH, {"month": month}).one()
        used = Decimal(row.spent_picousd + row.reserved_picousd) / PICO
        left = max(Decimal(0), (self.budget_usd or Decimal(0)) - used)
        return OverBudget(
            f"This call could cost ${Decimal(reserve) / PICO:.6f}, and ${left:.6f} of this month's "
            f"budget of ${self.budget_usd} is left."
        )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
