"""Jobs: one record each, with counters that always equal the sum of the rows' results."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from lib.core import spec
from lib.core.chat import Usage
from lib.core.errors import AppError, NotFound
from lib.core.spec import Spec
from lib.store import job_sql
from lib.store.database import Database, to_json
from lib.store.ledger import to_pico, to_usd

State = Literal["queued", "running", "paused", "done", "failed", "cancelled", "over_budget"]
ACTIVE: tuple[State, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a job waits at the provider's Batch API, and since when (ISO 8601, UTC)."""

    rows: int = 0
    batches: int = 0
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the database. `created` and `finished` are ISO 8601, UTC.

    `cost_usd` and counts None: some call's are unknown. `reserved_usd` is what calls in flight, or
    of unknown cost, may cost. `run` counts how often it was started. `centre` is a scoring model's
    calibration, `manifest` what the results were made with, `waiting` is None without batches.
    """

    id: str
    created: str
    finished: str | None
    name: str
    upload: str
    spec: Spec
    model: str
    state: State
    run: int
    error: dict[str, Any] | None
    centre: dict[str, Any] | None
    manifest: dict[str, Any]
    rows_total: int
    rows_done: int
    rows_failed: int
    calls: int
    usage: Usage
    cost_usd: Decimal | None
    budget_usd: Decimal | None
    spent_usd: Decimal
    reserved_usd: Decimal
    rows_per_s: float | None
    waiting: Waiting | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the speed of this run; None when it does not run, or in batches."""
        if self.state != "running" or not self.rows_per_s or self.spec.batch:
            return None
        return (self.rows_total - self.rows_done) / self.rows_per_s


class Jobs:
    def __init__(
        self,
        database: Database,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._now = database, now

    def add(
        self,
        job: str,
        name: str,
        upload: str,
        asked: Spec,
        model: str,
        rows: int,
        manifest: dict[str, Any],
    ) -> None:
        """A new job, queued; its rows are stored already."""
        budget = None if asked.budget_usd is None else to_pico(asked.budget_usd)
        # Postgres stores no zero byte, and no database half a character.
        whole = name.replace("\x00", "").encode("utf-8", "replace").decode()
        values = {
            "id": job, "created": self._iso(), "name": whole, "upload": upload, "model": model,
            "spec": to_json(asked.as_json()), "rows": rows, "budget": budget,
            "manifest": to_json(manifest),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(job_sql.ADD_JOB, values)

    def get(self, job: str) -> Job:
        with self._database.read() as connection:
            row = connection.execute(job_sql.GET_JOB, {"id": job}).mappings().one_or_none()
        if row is None:
            raise NotFound("There is no such job.", hint="GET /api/jobs lists them.")
        return self._job(row)

    def all(self) -> list[Job]:
        """Newest first."""
        with self._database.read() as connection:
            return [self._job(row) for row in connection.execute(job_sql.ALL_JOBS).mappings()]

    def states(self, jobs: Iterable[str]) -> dict[str, tuple[State, int]]:
        """State and run of each; a deleted job is left out."""
        wanted = list(jobs)
        if not wanted:
            return {}
        with self._database.read() as connection:
            found = connection.execute(job_sql.STATES, {"ids": wanted})
            return {row.id: (row.state, row.run) for row in found}

    def move(
        self,
        job: str,
        come_from: Iterable[State],
        to: State,
        error: AppError | None = None,
        run: int | None = None,
    ) -> bool:
        """Change the state, if it is one of `come_from` (and the run this one); says if it did."""
        ended = self._iso() if to not in ACTIVE and to != "paused" else None
        values = {
            "id": job, "from": list(come_from), "to": to, "finished": ended,
            "error": to_json(error.fields()) if error else None, "run": run,
        }  # fmt: skip
        with self._database.write() as connection:
            return connection.execute(job_sql.MOVE, values).rowcount == 1

    def begin(self, job: str, run: int) -> bool:
        """From queued to running, once per run; the clock of its speed starts."""
        with self._database.write() as connection:
            values = {"id": job, "run": run, "now": self._now()}
            return connection.execute(job_sql.BEGIN, values).rowcount == 1

    def restart_clocks(self) -> None:
        """This is the only machine and it was down: that time is not the run's."""
        with self._database.write() as connection:
            connection.execute(job_sql.RESTART_CLOCKS, {"now": self._now()})

    def requeue(
        self,
        job: str,
        come_from: Iterable[State],
        budget_usd: Decimal | None = None,
        failed: bool = False,
    ) -> int | None:
        """Queue it for its next run, which is returned; None when its state does not fit.

        `failed`: rows that failed are asked again; what they took so far stays counted.
        """
        budget = None if budget_usd is None else to_pico(budget_usd)
        values = {"id": job, "from": list(come_from), "budget": budget}

        def write(connection: sa.Connection) -> int | None:
            if connection.execute(job_sql.REQUEUE, values).rowcount != 1:
                return None
            for statement in (job_sql.REOPEN, job_sql.RECOUNT) if failed else ():
                connection.execute(statement, {"job": job})
            return int(connection.scalar(sa.text("SELECT run FROM jobs WHERE id = :id"), values))

        return self._database.share(write)

    def finish(self, job: str, run: int) -> bool:
        """From running to done, if no row is left."""
        with self._database.write() as connection:
            values = {"id": job, "run": run, "now": self._iso()}
            return connection.execute(job_sql.FINISH, values).rowcount == 1

    def keep_centre(self, job: str, centre: dict[str, Any]) -> dict[str, Any]:
        """Keep a calibration, unless another machine was first; returns the one that counts."""
        with self._database.write() as connection:
            connection.execute(job_sql.CENTRE, {"id": job, "centre": to_json(centre)})
            return json.loads(connection.scalar(job_sql.GET_CENTRE, {"id": job}))  # type: ignore[no-any-return]

    def delete(self, job: str) -> None:
        """The job, its rows and its results; what it spent stays in the ledger."""

        def write(connection: sa.Connection) -> None:
            for table, column in _TABLES.items():
                gone = sa.text(f"DELETE FROM {table} WHERE {column} = :id")
                connection.execute(gone, {"id": job})

        self._database.share(write)  # in turn with those who store results

    def sweep(self) -> None:
        """Rows whose job never came to be; only while no other machine may be adding one."""
        with self._database.write() as connection:
            for table in ("job_chunks", "job_twins"):
                connection.execute(
                    sa.text(f"DELETE FROM {table} WHERE job NOT IN (SELECT id FROM jobs)")
                )

    def _iso(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")

    def _job(self, row: Any) -> Job:
        usage = Usage(
            row["input_tokens"], row["output_tokens"], row["thinking_tokens"], row["cached_tokens"]
        )
        asked = spec.parse(json.loads(row["spec"]))
        return Job(
            **{name: row[name] for name in _PLAIN},
            spec=asked,
            error=row["error"] and json.loads(row["error"]),
            centre=row["centre"] and json.loads(row["centre"]),
            manifest=json.loads(row["manifest"]),
            usage=usage,
            cost_usd=to_usd(row["cost_picousd"]),
            budget_usd=to_usd(row["budget_picousd"]),
            spent_usd=to_usd(row["spent_picousd"]) or Decimal(0),
            reserved_usd=to_usd(row["reserved_picousd"]) or Decimal(0),
            rows_per_s=self._speed(row),
            waiting=_waiting(row) if asked.batch else None,
        )

    def _speed(self, row: Any) -> float | None:
        if row["run_started"] is None or row["state"] not in ("running", "done"):
            return None
        ended = self._now()
        if row["finished"]:
            ended = datetime.fromisoformat(row["finished"]).timestamp()
        rows, seconds = row["rows_done"] - row["run_rows"], ended - row["run_started"]
        return rows / seconds if rows > 0 and seconds > 0 else None


def _waiting(row: Any) -> Waiting:
    rows, batches = row["waiting_rows"] or 0, row["waiting_batches"] or 0
    return Waiting(int(rows), int(batches), row["waiting_since"])


_TABLES = {"jobs": "id", "job_chunks": "job", "job_twins": "job", "results": "job"}
_PLAIN = (
    "id", "created", "finished", "name", "upload", "model", "state", "run", "rows_total",
    "rows_done", "rows_failed", "calls",
)  # fmt: skip
