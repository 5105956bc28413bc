"""The statements behind `jobs` and `job_rows`; how a result becomes columns and comes back."""

from typing import Any

import sqlalchemy as sa

from lib.core.chat import Usage
from lib.core.task import RowResult
from lib.store.batch_sql import IS_OPEN
from lib.store.ledger import to_pico, to_usd

SUMMED = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cost_picousd")
_COLUMNS = (*SUMMED, "label", "confidence", "error", "latency_ms", "key", "gold")

ADD_CHUNK = sa.text(
    "INSERT INTO job_chunks (job, chunk, first, last, asks, body)"
    " VALUES (:job, :chunk, :first, :last, :asks, :body)"
)
ADD_TWINS = sa.text("INSERT INTO job_twins (job, n, first, gold) VALUES (:job, :n, :first, :gold)")
CHUNK = sa.text("SELECT first, last, body FROM job_chunks WHERE job = :job AND chunk = :chunk")
DONE = sa.text(
    "SELECT n FROM results WHERE job = :job AND n BETWEEN :first AND :last"
    " AND (label IS NOT NULL OR error IS NOT NULL)"
)
# A row that was asked has a key; its twins have none.
UNFINISHED = sa.text(
    "SELECT chunk FROM job_chunks c WHERE job = :job AND asks > (SELECT count(*) FROM results r"
    " WHERE r.job = c.job AND r.n BETWEEN c.first AND c.last AND key IS NOT NULL"
    " AND (label IS NOT NULL OR error IS NOT NULL)) ORDER BY chunk"
)
KNOWN = sa.text(
    "SELECT key, label, confidence FROM results WHERE key IN :keys AND label IS NOT NULL"
).bindparams(sa.bindparam("keys", expanding=True))
THERE = sa.text(
    "SELECT EXISTS (SELECT 1 FROM job_twins WHERE job = :job) AS twins FROM jobs WHERE id = :job"
)
STORE = sa.text(
    f"INSERT INTO results (job, n, {', '.join(_COLUMNS)})"
    f" VALUES (:job, :n, {', '.join(f':{name}' for name in _COLUMNS)})"
    " ON CONFLICT (job, n) DO UPDATE SET label = excluded.label, error = excluded.error,"
    " confidence = excluded.confidence, latency_ms = COALESCE(results.latency_ms"
    " + excluded.latency_ms, results.latency_ms, excluded.latency_ms), "  # null: no call was made
    + ", ".join(f"{name} = results.{name} + excluded.{name}" for name in SUMMED)
    + " WHERE results.label IS NULL AND results.error IS NULL"
)
# The same answer for the same texts; nothing was asked for them. Copied by the database: there may
# be a million.
STORE_TWINS = sa.text(
    "INSERT INTO results (job, n, gold, label, error, confidence, "
    + ", ".join(SUMMED)
    + ") SELECT job, n, gold, CAST(:label AS TEXT), CAST(:error AS TEXT),"
    " CAST(:confidence AS DOUBLE PRECISION), 0, 0, 0, 0, 0 FROM job_twins"
    " WHERE job = :job AND first = :n ON CONFLICT (job, n) DO UPDATE SET label = excluded.label,"
    " error = excluded.error, confidence = excluded.confidence"
    " WHERE results.label IS NULL AND results.error IS NULL"
)
COUNT = sa.text(
    "UPDATE jobs SET rows_done = rows_done + :rows, rows_failed = rows_failed + :failed, "
    + ", ".join(f"{name} = {name} + :{name}" for name in SUMMED)
    + " WHERE id = :job"
).bindparams(*(sa.bindparam(name, type_=sa.BigInteger) for name in SUMMED))
REOPEN = sa.text("UPDATE results SET error = NULL WHERE job = :job AND error IS NOT NULL")
RECOUNT = sa.text(
    "UPDATE jobs SET rows_done = rows_done - rows_failed, rows_failed = 0 WHERE id = :job"
)
PAGE = sa.text("SELECT * FROM results WHERE job = :job AND n > :last ORDER BY n LIMIT :most")
FINISHED = "SELECT * FROM results WHERE job = :job AND (label IS NOT NULL OR error IS NOT NULL)"
GOLD_COUNTS = sa.text(
    "SELECT gold, label, count(*) AS rows FROM results WHERE job = :job AND gold IS NOT NULL"
    " AND (label IS NOT NULL OR error IS NOT NULL) GROUP BY gold, label"
)
PAIRS = sa.text(
    "SELECT a.gold AS gold, a.label AS label_a, b.label AS label_b, count(*) AS rows"
    " FROM results a JOIN results b ON a.n = b.n WHERE a.job = :a AND b.job = :b"
    " AND (a.label IS NOT NULL OR a.error IS NOT NULL)"
    " AND (b.label IS NOT NULL OR b.error IS NOT NULL) GROUP BY a.gold, a.label, b.label"
)
SURENESS = sa.text(
    "SELECT confidence, label, gold FROM results WHERE job = :job AND gold IS NOT NULL"
    " AND label IS NOT NULL AND confidence IS NOT NULL"
)
MODEL = sa.text("SELECT model FROM jobs WHERE id = :id")

ADD_JOB = sa.text(
    "INSERT INTO jobs (id, created, name, upload, spec, model, state, run, manifest, rows_total,"
    " rows_done, rows_failed, calls, input_tokens, output_tokens, thinking_tokens, cached_tokens,"
    " cost_picousd, budget_picousd, spent_picousd, reserved_picousd, run_rows)"
    " VALUES (:id, :created, :name, :upload, :spec, :model, 'queued', 1, :manifest, :rows,"
    " 0, 0, 0, 0, 0, 0, 0, 0, :budget, 0, 0, 0)"
)
_JOBS = (
    "SELECT jobs.*, waiting_rows, waiting_batches, waiting_since FROM jobs LEFT JOIN"
    " (SELECT job, sum(rows_sent) AS waiting_rows, count(*) AS waiting_batches,"
    f" min(created) AS waiting_since FROM batches WHERE {IS_OPEN} GROUP BY job) AS open_batches"
    " ON job = id"
)
GET_JOB = sa.text(f"{_JOBS} WHERE id = :id")
ALL_JOBS = sa.text(f"{_JOBS} ORDER BY created DESC, id DESC")
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_FROM: sa.BindParameter[Any] = sa.bindparam("from", expanding=True)
STATES = sa.text("SELECT id, state, run FROM jobs WHERE id IN :ids").bindparams(_IDS)
MOVE = sa.text(
    "UPDATE jobs SET state = :to, error = :error, finished = :finished"
    " WHERE id = :id AND state IN :from AND run = COALESCE(:run, run)"
).bindparams(_FROM, sa.bindparam("run", type_=sa.BigInteger))
BEGIN = sa.text(
    "UPDATE jobs SET state = 'running', run_started = :now, run_rows = rows_done"
    " WHERE id = :id AND run = :run AND state = 'queued'"
)
RESTART_CLOCKS = sa.text(
    "UPDATE jobs SET run_started = :now, run_rows = rows_done WHERE state = 'running'"
)
REQUEUE = sa.text(
    "UPDATE jobs SET state = 'queued', run = run + 1, error = NULL, finished = NULL,"
    " run_started = NULL, budget_picousd = COALESCE(:budget, budget_picousd)"
    " WHERE id = :id AND state IN :from"
).bindparams(_FROM, sa.bindparam("budget", type_=sa.BigInteger))
FINISH = sa.text(
    "UPDATE jobs SET state = 'done', finished = :now"
    " WHERE id = :id AND run = :run AND state = 'running' AND rows_done >= rows_total"
)
CENTRE = sa.text("UPDATE jobs SET centre = :centre WHERE id = :id AND centre IS NULL")
GET_CENTRE = sa.text("SELECT centre FROM jobs WHERE id = :id")


def columns(
    job: str, n: int, gold: str | None, key: str | None, result: RowResult
) -> dict[str, Any]:
    usage, cost = result.usage, result.cost_usd
    return {
        "job": job, "n": n, "gold": gold, "key": key, "label": result.label,
        "error": result.error, "confidence": result.confidence, "latency_ms": result.latency_ms,
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "thinking_tokens": usage.thinking_tokens, "cached_tokens": usage.cached_tokens,
        "cost_picousd": None if cost is None else to_pico(cost),
    }  # fmt: skip


def result_of(row: Any, model: str | None) -> RowResult:
    finished = row["label"] is not None or row["error"] is not None
    usage = Usage(
        row["input_tokens"], row["output_tokens"], row["thinking_tokens"], row["cached_tokens"]
    )
    return RowResult(
        label=row["label"],
        confidence=row["confidence"],
        error=row["error"],
        model=model if finished else None,
        usage=usage,
        cost_usd=to_usd(row["cost_picousd"]),
        latency_ms=row["latency_ms"],
    )
