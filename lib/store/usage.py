"""The ledger read for people: what a period took, how fast answers were, call by call."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from lib.core.chat import Usage
from lib.core.period import ALWAYS, Period
from lib.core.spend import Slice, Speed, Spend, Totals
from lib.store.database import Database
from lib.store.ledger import to_usd

AT_ONCE = 2_000


class UsageLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, period: Period = ALWAYS) -> Spend:
        """What the period's calls took, in one look at the ledger."""
        with self._database.read() as connection:
            rows = connection.execute(_SPEND, _bounds(period)).all()
        return Spend(tuple(map(_slice, rows)))

    def speeds(self, period: Period = ALWAYS) -> dict[str, Speed]:
        """By model, of answers that came to their end; nearest-rank percentiles."""
        found: dict[str, dict[str, float]] = {}
        with self._database.read() as connection:
            for statement, names in _SPEEDS:
                for row in connection.execute(statement, _bounds(period)):
                    known = found.setdefault(row.model, {})
                    known.update(zip(names, row[1:], strict=True))
        return {model: Speed(**facts) for model, facts in sorted(found.items())}

    def calls(self, period: Period = ALWAYS) -> Iterator[list[dict[str, Any]]]:
        """Every call, oldest first; the ledger's columns, money as Decimal `cost_usd`.

        In pieces of `AT_ONCE`, so that any ledger takes little memory and no long transaction.
        """
        bounds, after = _bounds(period), ""
        while rows := self._read(_CALLS, {**bounds, "id": after, "most": AT_ONCE}):
            yield rows
            bounds["since"], after = rows[-1]["started"], rows[-1]["id"]

    def newest(self, period: Period, most: int) -> list[dict[str, Any]]:
        """As `calls`, the newest first."""
        return self._read(_NEWEST, {**_bounds(period), "most": most})

    def _read(self, statement: sa.TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            rows = connection.execute(statement, values).mappings().all()
        return [{**row, "cost_usd": to_usd(row["cost_picousd"])} for row in rows]


def _bounds(period: Period) -> dict[str, str]:
    # In the form of the column `started`, whose texts sort as the times do.
    return {
        "since": _text(period.since) if period.since else "",
        "until": _text(period.until) if period.until else "9999",
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _slice(row: Any) -> Slice:
    def count(value: Any) -> int | None:
        return None if value is None else int(value)  # Postgres adds BIGINTs up to a Decimal

    return Slice(
        row.day,
        row.model,
        row.source,
        row.error,
        Totals(
            calls=int(row.calls),
            usage=Usage(
                count(row.input), count(row.output), count(row.thinking), count(row.cached)
            ),
            cost_usd=to_usd(row.cost),
            unpriced_calls=int(row.unpriced),
            errors=int(row.calls) if row.error else 0,
            in_flight=int(row.in_flight),
            reserved_usd=to_usd(row.reserved) or Decimal(0),
        ),
    )


_WITHIN = "started >= :since AND started < :until"
_SPEND = sa.text(
    "SELECT substr(started, 1, 10) AS day, model, source, error, count(*) AS calls,"
    " sum(input_tokens) AS input, sum(output_tokens) AS output, sum(thinking_tokens) AS thinking,"
    " sum(cached_tokens) AS cached, sum(cost_picousd) AS cost,"
    " sum(CASE WHEN cost_picousd IS NULL THEN 1 ELSE 0 END) AS unpriced,"
    " sum(CASE WHEN total_ms IS NULL THEN 1 ELSE 0 END) AS in_flight,"
    f" sum(reserved_picousd) AS reserved FROM calls WHERE {_WITHIN}"
    " GROUP BY substr(started, 1, 10), model, source, error ORDER BY 1, 2, 3, 4"
)
# The call that was read last starts the next piece, which its id then leaves out.
_CALLS = sa.text(
    f"SELECT * FROM calls WHERE {_WITHIN} AND (started > :since OR id > :id)"
    " ORDER BY started, id LIMIT :most"
)
_NEWEST = sa.text(f"SELECT * FROM calls WHERE {_WITHIN} ORDER BY started DESC, id DESC LIMIT :most")


def _ranked(value: str, known: str, *percents: int) -> sa.TextClause:
    """Nearest-rank percentiles of `value` by model: neither database has them, both can count."""
    picked = ", ".join(
        f"max(CASE WHEN n = (many * {percent} + 99) / 100 THEN value END)" for percent in percents
    )
    return sa.text(
        f"SELECT model, {picked} FROM (SELECT model, {value} AS value,"
        f" row_number() OVER (PARTITION BY model ORDER BY {value}) AS n,"
        " count(*) OVER (PARTITION BY model) AS many"
        f" FROM calls WHERE {_WITHIN} AND finish IN ('stop', 'length') AND {known}) AS ranked"
        " GROUP BY model"
    )


_SPEEDS = (
    (_ranked("ttft_ms", "ttft_ms IS NOT NULL", 50, 95), ("ttft_p50_ms", "ttft_p95_ms")),
    (
        _ranked(
            "(output_tokens - 1) * 1000.0 / (total_ms - ttft_ms)",
            "output_tokens > 1 AND total_ms > ttft_ms + 1",
            50,
        ),
        ("tokens_per_second",),
    ),
)
