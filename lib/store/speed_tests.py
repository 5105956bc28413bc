"""Speed tests: what was measured, on what, and how far a running one is."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from lib.core.errors import AppError, NotFound
from lib.core.speed import Interval, Level, SpeedPlan
from lib.store.database import Database, to_json
from lib.store.ledger import new_id, to_pico, to_usd

State = Literal["running", "done", "stopped", "failed", "interrupted"]
# A running test gives a sign of life every two seconds; one that is silent for so long is dead.
BEAT_S, DEAD_AFTER_S = 2.0, 20.0
KEPT = 1000


@dataclass(frozen=True, slots=True)
class SpeedTest:
    """A test as it stands. `created` and `finished` are ISO 8601, UTC; `model` is the full id.

    `levels` are the finished ones, `now` is the streams and the round under way. `calls` counts
    all, the warm-up too; `cost_usd` None: some call's is unknown. `error` are an AppError's fields.
    `host` is the address of the server, for people; None: the provider has none of ours.
    """

    id: str
    created: str
    finished: str | None
    state: State
    model: str
    quantisation: str | None
    engine: str
    engine_version: str | None
    gpu: str | None
    plan: SpeedPlan
    host: str | None = None
    levels: tuple[Level, ...] = ()
    now: tuple[int, int] | None = None
    calls: int = 0
    cost_usd: Decimal | None = None
    error: dict[str, Any] | None = None


class SpeedTests:
    """The newest `kept` tests: each new one pushes out the oldest that has ended."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        kept: int = KEPT,
    ) -> None:
        self._database, self._now, self._kept = database, now, kept
        # The database's clock: those of several machines may differ.
        self._clock = _SQLITE_NOW if database.is_sqlite else _POSTGRES_NOW

    def add(
        self, model: str, engine: str, gpu: str | None, plan: SpeedPlan, host: str | None = None
    ) -> SpeedTest:
        """A new test, running."""
        test = SpeedTest(
            new_id(), self._iso(), None, "running", model, None, engine, None, gpu, plan, host
        )  # fmt: skip
        with self._database.write() as connection:
            connection.execute(self._sql(_ADD), _row(test))
            connection.execute(self._sql(_PUSH_OUT), {"kept": self._kept})
        return test

    def save(self, test: SpeedTest) -> bool:
        """Keep what a running test has found; False when it is to run no longer, or is deleted."""
        with self._database.write() as connection:
            state: str | None = connection.scalar(self._sql(_SAVE), _row(test))
        return state == "running"

    def beat(self, test: str) -> bool:
        """A running test's sign of life; False as for `save`."""
        with self._database.write() as connection:
            return connection.execute(self._sql(_BEAT), {"id": test}).rowcount == 1

    def end(self, test: str, state: State, error: AppError | None = None) -> None:
        """Unless it has ended already."""
        fields = to_json(error.fields()) if error else None
        values = {"id": test, "state": state, "finished": self._iso(), "error": fields}
        with self._database.write() as connection:
            connection.execute(self._sql(_END), values)

    def end_all(self) -> None:
        """Nothing runs on this database: what seems to was left behind by a dead process."""
        with self._database.write() as connection:
            connection.execute(self._sql(_END_ALL))

    def get(self, test: str) -> SpeedTest:
        with self._database.read() as connection:
            row = connection.execute(self._sql(_GET), {"id": test}).one_or_none()
        if row is None:
            raise NotFound("There is no such speed test.", hint="GET /api/speedtests lists them.")
        return _test(row)

    def all(self) -> list[SpeedTest]:
        """Newest first, at most `kept`."""
        with self._database.read() as connection:
            rows = connection.execute(self._sql(_ALL), {"kept": self._kept})
            return [_test(row) for row in rows]

    def running(self) -> list[str]:
        """The ids of those that run, newest first; quick, for whoever asks every few seconds."""
        with self._database.read() as connection:
            silent = {"silent": DEAD_AFTER_S}
            return list(connection.scalars(self._sql(_RUNNING), silent))

    def delete(self, test: str) -> None:
        """Forget it; one that is gone already is no error."""
        with self._database.write() as connection:
            connection.execute(self._sql(_DELETE), {"id": test})

    def _iso(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds")

    def _sql(self, statement: str) -> sa.TextClause:
        return sa.text(statement.format(clock=self._clock))


def _row(test: SpeedTest) -> dict[str, Any]:
    found = {
        "quantisation": test.quantisation,
        "engine": test.engine,
        "engine_version": test.engine_version,
        "gpu": test.gpu,
        "host": test.host,
        "plan": asdict(test.plan),
        "levels": [asdict(level) for level in test.levels],
        "now": test.now,
    }
    return {
        "id": test.id, "created": test.created, "model": test.model, "calls": test.calls,
        "cost": None if test.cost_usd is None else to_pico(test.cost_usd), "body": to_json(found),
    }  # fmt: skip


def _test(row: Any) -> SpeedTest:
    found, running = json.loads(row.body), row.state == "running"
    dead = running and row.silent > DEAD_AFTER_S
    now, plan = found.pop("now"), found.pop("plan")
    return SpeedTest(
        id=row.id,
        created=row.created,
        finished=row.finished,
        state="interrupted" if dead else row.state,
        model=row.model,
        plan=SpeedPlan(**plan | {"streams": tuple(plan["streams"])}),
        levels=tuple(map(_level, found.pop("levels"))),
        now=(now[0], now[1]) if now and running and not dead else None,
        calls=row.calls,
        cost_usd=to_usd(row.cost_picousd),
        error=json.loads(row.error) if row.error else None,
        **found,
    )


def _level(found: dict[str, Any]) -> Level:
    rates = {name: found[name] for name in ("prompt_tok_s", "answer_tok_s")}
    return Level(**found | {name: one and Interval(**one) for name, one in rates.items()})


_SQLITE_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_POSTGRES_NOW = "EXTRACT(EPOCH FROM clock_timestamp())"
_ADD = (
    "INSERT INTO speed_tests (id, created, state, model, seen, calls, cost_picousd, body)"
    " VALUES (:id, :created, 'running', :model, {clock}, :calls, :cost, :body)"
)
_SAVE = (
    "UPDATE speed_tests SET calls = :calls, cost_picousd = :cost, body = :body, seen = {clock}"
    " WHERE id = :id RETURNING state"
)
_BEAT = "UPDATE speed_tests SET seen = {clock} WHERE id = :id AND state = 'running'"
_END = (
    "UPDATE speed_tests SET state = :state, finished = :finished, error = :error"
    " WHERE id = :id AND state = 'running'"
)
_END_ALL = "UPDATE speed_tests SET state = 'interrupted' WHERE state = 'running'"
_SELECT = "SELECT *, {clock} - seen AS silent FROM speed_tests"
_GET = _SELECT + " WHERE id = :id"
_ALL = _SELECT + " ORDER BY id DESC LIMIT :kept"
_RUNNING = (
    "SELECT id FROM speed_tests WHERE state = 'running' AND {clock} - seen <= :silent"
    " ORDER BY id DESC"
)
_PUSH_OUT = (
    "DELETE FROM speed_tests WHERE state <> 'running' AND id <="
    " (SELECT id FROM speed_tests ORDER BY id DESC LIMIT 1 OFFSET :kept)"
)
_DELETE = "DELETE FROM speed_tests WHERE id = :id"
