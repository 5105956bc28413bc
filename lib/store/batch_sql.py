"""The statements behind `batches`, the same SQL for SQLite and Postgres."""

import sqlalchemy as sa

IS_OPEN = "state IN ('sending', 'waiting')"

ADD = sa.text(
    "INSERT INTO batches (id, job, chunk, state, rows_sent, calls, created, tried)"
    " VALUES (:id, :job, :chunk, 'sending', :rows, :calls, :created, :tried)"
)
OPEN = sa.text(
    f"SELECT * FROM batches WHERE job = :job AND chunk = :chunk AND {IS_OPEN} ORDER BY created, id"
)
STRAY = sa.text(
    f"SELECT * FROM batches WHERE {IS_OPEN} AND NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE jobs.id = batches.job AND jobs.state <> 'cancelled')"
)
ANY = sa.text(f"SELECT 1 FROM batches WHERE {IS_OPEN} LIMIT 1")
AWAITED = sa.text(
    f"SELECT 1 FROM batches WHERE {IS_OPEN} AND (job = :job OR :job IS NULL) AND EXISTS"
    " (SELECT 1 FROM jobs WHERE jobs.id = batches.job AND jobs.state IN ('queued', 'running'))"
    " LIMIT 1"
).bindparams(sa.bindparam("job", type_=sa.Text))
TRY = sa.text("UPDATE batches SET tried = :now WHERE id = :id AND state = 'sending'")
SENT = sa.text(
    "UPDATE batches SET state = 'waiting', name = :name"
    f" WHERE id = :id AND {IS_OPEN} AND COALESCE(name, :name) = :name"
)
END = sa.text(f"UPDATE batches SET state = :state, ended = :now WHERE id = :id AND {IS_OPEN}")
FORGET = sa.text(
    f"DELETE FROM batches WHERE NOT ({IS_OPEN}) AND NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE jobs.id = batches.job)"
)
