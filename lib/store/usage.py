"""The ledger read for people: what a period took, how fast answers were, call by call."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from lib.core.chat import Usage
from lib.core.percentile import nearest_rank
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
        """By model, of answers that came to their end."""
        firsts: defaultdict[str, list[float]] = defaultdict(list)
        rates: defaultdict[str, list[float]] = defaultdict(list)
        with self._database.read() as connection:
            # Sorted here: window functions take either database three times as long.
            for model, ttft_ms, rest_ms, tokens in connection.execute(_TIMES, _bounds(period)):
                firsts[model].append(ttft_ms)
                if tokens and tokens > 1 and rest_ms > 1:
                    rates[model].append((tokens - 1) * 1000 / rest_ms)
        return {
            model: Speed(
                nearest_rank(found, 50), nearest_rank(found, 95), nearest_rank(rates[model], 50)
            )
            for model, found in sorted(firsts.items())
        }

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
    " GROUP BY substr(started, 1, 10), model, source, error,"
    " CASE WHEN cost_picousd IS NULL THEN 1 ELSE 0 END ORDER BY 1, 2, 3, 4"
)
_TIMES = sa.text(
    "SELECT model, ttft_ms, total_ms - ttft_ms, output_tokens FROM calls"
    f" WHERE {_WITHIN} AND finish IN ('stop', 'length') AND ttft_ms IS NOT NULL"
)
# The call that was read last starts the next piece, which its id then leaves out.
_CALLS = sa.text(
    f"SELECT * FROM calls WHERE {_WITHIN} AND (started > :since OR id > :id)"
    " ORDER BY started, id LIMIT :most"
)
_NEWEST = sa.text(f"SELECT * FROM calls WHERE {_WITHIN} ORDER BY started DESC, id DESC LIMIT :most")
