"""The ledger: one row for every call to a model, however it ends, and the month's budget."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import sqlalchemy as sa

from lib.core.chat import Finish, Source, Usage
from lib.core.errors import JobOverBudget, NotFound, OverBudget
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

    def open(self, model: str, source: Source, reserve_usd: Decimal, job: str | None = None) -> str:
        """Reserve the worst case and write the call's row; raises OverBudget and writes nothing.

        The row says «incomplete» until `close`: that is the truth if this process dies. A call of
        a job is held against the job's own budget too, and counted there.
        """
        started, call = self._now(), new_id()
        month, reserve = f"{started:%Y-%m}", to_pico(reserve_usd)
        row = {
            "id": call, "started": started.isoformat(timespec="microseconds"), "month": month,
            "model": model, "source": source, "finish": Finish.INCOMPLETE.value,
            "reserve": reserve, "job": job,
        }  # fmt: skip

        def write(connection: sa.Connection) -> None:
            if month not in self._months:
                connection.execute(_NEW_MONTH, {"month": month})
            if job is not None:
                self._check_job(connection, job, reserve)
            budget = None if self.budget_usd is None or not reserve else to_pico(self.budget_usd)
            if not self._reserve(connection, month, reserve, budget):
                raise self._over(connection, month, reserve_usd)
            if job is not None:
                connection.execute(_OPEN_IN_JOB, {"job": job, "reserve": reserve})
            connection.execute(_OPEN, row)

        self._database.share(write)
        self._months.add(month)
        return call

    def close(self, call: str, outcome: Outcome) -> None:
        """Settle the reservation and complete the row. Closing twice changes nothing."""
        cost = None if outcome.cost_usd is None else to_pico(outcome.cost_usd)
        facts = _columns(outcome)

        def write(connection: sa.Connection) -> None:
            find = {"id": call}
            row = connection.execute(_FIND, find).one()
            keep = row.reserved_picousd if cost is None and not outcome.released else 0
            if connection.execute(_CLOSE, {**facts, **find, "cost": cost, "keep": keep}).rowcount:
                settled = {"cost": cost or 0, "freed": row.reserved_picousd - keep}
                connection.execute(_SETTLE, {**settled, "month": row.month})
                if row.job is not None:
                    connection.execute(_SETTLE_IN_JOB, {**settled, "job": row.job})

        self._database.share(write)

    def in_flight(self, longest_s: float, job: str | None = None) -> bool:
        """Whether a call (of the job) is under way anywhere; older ones died with their process."""
        since = self._now() - timedelta(seconds=longest_s)
        values = {"since": since.isoformat(timespec="microseconds"), "job": job}
        with self._database.read() as connection:
            return connection.execute(_IN_FLIGHT, values).first() is not None

    def month(self) -> Month:
        with self._database.read() as connection:
            row = connection.execute(_MONTH, {"month": f"{self._now():%Y-%m}"}).one_or_none()
        spent, reserved = (row.spent_picousd, row.reserved_picousd) if row else (0, 0)
        return Month(Decimal(spent) / PICO, Decimal(reserved) / PICO)

    def rows(self) -> list[dict[str, Any]]:
        """Every call, oldest first; money as Decimal `cost_usd`."""
        with self._database.read() as connection:
            found = connection.execute(sa.text("SELECT * FROM calls ORDER BY started, id"))
            return [{**row, "cost_usd": to_usd(row["cost_picousd"])} for row in found.mappings()]

    def _check_job(self, connection: sa.Connection, job: str, reserve: int) -> None:
        # Shared transactions run one after the other, so nobody can write between check and update.
        row = connection.execute(_JOB, {"job": job}).one_or_none()
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

    def _reserve(
        self, connection: sa.Connection, month: str, reserve: int, budget: int | None
    ) -> bool:
        # One statement that checks and adds: two calls cannot both see the same free dollars.
        values = {"month": month, "reserve": reserve}
        if budget is None:
            return connection.execute(_RESERVE, values).rowcount == 1
        values["room"] = budget - reserve
        return connection.execute(_RESERVE_WITHIN, values).rowcount == 1

    def _over(self, connection: sa.Connection, month: str, reserve_usd: Decimal) -> OverBudget:
        row = connection.execute(_MONTH, {"month": month}).one()
        used = Decimal(row.spent_picousd + row.reserved_picousd) / PICO
        left = max(Decimal(0), (self.budget_usd or Decimal(0)) - used)
        return OverBudget(
            f"This call could cost ${reserve_usd:.6f}, and ${left:.6f} of this month's budget of "
            f"${self.budget_usd} is left."
        )


def _columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "finish": outcome.finish.value,
        "error": outcome.error,
        "input": outcome.usage.input_tokens,
        "output": outcome.usage.output_tokens,
        "thinking": outcome.usage.thinking_tokens,
        "cached": outcome.usage.cached_tokens,
        "ttft": outcome.ttft_ms,
        "total": outcome.total_ms if outcome.total_ms is not None else 0.0,
        "version": outcome.version,
        "tier": outcome.tier,
    }


_NEW_MONTH = sa.text("INSERT INTO months VALUES (:month, 0, 0) ON CONFLICT DO NOTHING")
_MONTH = sa.text("SELECT spent_picousd, reserved_picousd FROM months WHERE month = :month")
_RESERVE = sa.text(
    "UPDATE months SET reserved_picousd = reserved_picousd + :reserve WHERE month = :month"
)
_RESERVE_WITHIN = sa.text(f"{_RESERVE.text} AND spent_picousd + reserved_picousd <= :room")
_OPEN = sa.text(
    "INSERT INTO calls (id, started, month, model, source, finish, reserved_picousd, job)"
    " VALUES (:id, :started, :month, :model, :source, :finish, :reserve, :job)"
)
_FIND = sa.text("SELECT month, reserved_picousd, job FROM calls WHERE id = :id")
_CLOSE = sa.text(
    "UPDATE calls SET finish = :finish, error = :error, input_tokens = :input,"
    " output_tokens = :output, thinking_tokens = :thinking, cached_tokens = :cached,"
    " cost_picousd = :cost, reserved_picousd = :keep, ttft_ms = :ttft, total_ms = :total,"
    " version = :version, tier = :tier WHERE id = :id AND total_ms IS NULL"
)
_IN_FLIGHT = sa.text(
    "SELECT 1 FROM calls WHERE started > :since AND total_ms IS NULL"
    " AND (job = :job OR :job IS NULL) LIMIT 1"
).bindparams(sa.bindparam("job", type_=sa.Text))
_SETTLE = sa.text(
    "UPDATE months SET spent_picousd = spent_picousd + :cost,"
    " reserved_picousd = reserved_picousd - :freed WHERE month = :month"
)
_JOB = sa.text("SELECT budget_picousd, spent_picousd, reserved_picousd FROM jobs WHERE id = :job")
_OPEN_IN_JOB = sa.text(
    "UPDATE jobs SET calls = calls + 1, reserved_picousd = reserved_picousd + :reserve"
    " WHERE id = :job"
)
_SETTLE_IN_JOB = sa.text(
    "UPDATE jobs SET spent_picousd = spent_picousd + :cost,"
    " reserved_picousd = reserved_picousd - :freed WHERE id = :job"
)
