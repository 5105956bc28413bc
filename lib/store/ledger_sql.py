"""The statements behind `ledger`, the same SQL for SQLite and Postgres. Money is in 1e-12 USD."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from lib.store.ledger import Outcome

NEW_MONTH = sa.text("INSERT INTO months VALUES (:month, 0, 0) ON CONFLICT DO NOTHING")
MONTH = sa.text("SELECT spent_picousd, reserved_picousd FROM months WHERE month = :month")
RESERVE = sa.text(
    "UPDATE months SET reserved_picousd = reserved_picousd + :reserve WHERE month = :month"
)
RESERVE_WITHIN = sa.text(f"{RESERVE.text} AND spent_picousd + reserved_picousd <= :room")
OPEN = sa.text(
    "INSERT INTO calls (id, started, month, model, source, finish, reserved_picousd, job)"
    " VALUES (:id, :started, :month, :model, :source, :finish, :reserve, :job)"
)
FIND = sa.text("SELECT month, reserved_picousd, job, total_ms FROM calls WHERE id = :id")
UNENDED = sa.text(
    "SELECT id, month, reserved_picousd, job FROM calls WHERE id IN :calls AND total_ms IS NULL"
).bindparams(sa.bindparam("calls", type_=sa.Text, expanding=True))
CLOSE = sa.text(
    "UPDATE calls SET finish = :finish, error = :error, input_tokens = :input,"
    " output_tokens = :output, thinking_tokens = :thinking, cached_tokens = :cached,"
    " cost_picousd = :cost, reserved_picousd = :keep, ttft_ms = :ttft, total_ms = :total,"
    " version = :version, tier = :tier WHERE id = :id AND total_ms IS NULL"
)
IN_FLIGHT = sa.text(
    "SELECT 1 FROM calls WHERE started > :since AND started < :until AND total_ms IS NULL"
    " AND (job = :job OR :job IS NULL) LIMIT 1"
).bindparams(sa.bindparam("job", type_=sa.Text))
EXTEND = sa.text(
    "UPDATE calls SET reserved_picousd = reserved_picousd + :reserve"
    " WHERE id = :id AND total_ms IS NULL"
)
EXTEND_IN_JOB = sa.text(
    "UPDATE jobs SET reserved_picousd = reserved_picousd + :reserve WHERE id = :job"
)
SETTLE = sa.text(
    "UPDATE months SET spent_picousd = spent_picousd + :cost,"
    " reserved_picousd = reserved_picousd - :freed WHERE month = :month"
)
JOB = sa.text("SELECT budget_picousd, spent_picousd, reserved_picousd FROM jobs WHERE id = :job")
OPEN_IN_JOB = sa.text(
    "UPDATE jobs SET calls = calls + :calls, reserved_picousd = reserved_picousd + :reserve"
    " WHERE id = :job"
)
SETTLE_IN_JOB = sa.text(
    "UPDATE jobs SET spent_picousd = spent_picousd + :cost,"
    " reserved_picousd = reserved_picousd - :freed WHERE id = :job"
)


def columns(outcome: "Outcome") -> dict[str, Any]:
    """What `CLOSE` takes of how a call ended; a call that has ended has a time, be it 0."""
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
