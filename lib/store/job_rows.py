"""The rows of jobs: what is to be asked, in chunks, and the result of every row."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lib.core.prompt import sendable
from lib.core.task import RowResult
from lib.store import job_sql
from lib.store.database import Database, to_json

PAGE = 5000  # rows read or written at a time


@dataclass(frozen=True, slots=True)
class Row:
    """A row to ask: its number in the file, its text, its gold label if it has one.

    A text of None is one that cannot be sent: nothing is in it, or not whole characters. Later rows
    with the same text, its twins, are not asked: they get the same answer.
    """

    n: int
    text: str | None
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A row and its result; `key` finds the answer again for another job."""

    row: Row
    result: RowResult
    key: str


class JobRows:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: str, rows: Iterable[tuple[str | None, str | None]], size: int) -> int:
        """Store (text, gold) pairs in chunks of `size`; returns how many rows there were.

        Only one of several rows with the same text is asked; the others are kept as its twins.
        """
        first_of: dict[bytes, int] = {}
        chunk: list[tuple[int, str | None, str | None]] = []
        chunks, n = 0, -1
        twins: list[dict[str, Any]] = []
        for n, (text, gold) in enumerate(rows):
            blank = text is None or not sendable(text)
            first = n if blank else first_of.setdefault(_digest(text or ""), n)
            if first != n:
                twins.append({"job": job, "first": first, "n": n, "gold": gold})
            else:
                chunk.append((n, None if blank else text, gold))
            if len(chunk) == size or len(twins) == PAGE:
                chunks += self._write(job, chunks, chunk, twins)
                chunk, twins = [], []
        self._write(job, chunks, chunk, twins)
        return n + 1

    def _write(self, job: str, number: int, chunk: list[Any], twins: list[dict[str, Any]]) -> int:
        with self._database.write() as connection:
            if twins:
                connection.execute(job_sql.ADD_TWINS, twins)
            if not chunk:
                return 0
            values = {
                "job": job, "chunk": number, "first": chunk[0][0], "last": chunk[-1][0],
                "asks": len(chunk), "body": to_json(chunk),
            }  # fmt: skip
            connection.execute(job_sql.ADD_CHUNK, values)
        return 1

    def unfinished(self, job: str) -> list[int]:
        """The chunks with rows that have neither a label nor an error."""
        with self._database.read() as connection:
            return list(connection.scalars(job_sql.UNFINISHED, {"job": job}))

    def all(self, job: str, chunk: int) -> list[Row]:
        """The rows of a chunk; none when the job was deleted."""
        with self._database.read() as connection:
            found = connection.execute(job_sql.CHUNK, {"job": job, "chunk": chunk}).one_or_none()
        return [Row(*row) for row in json.loads(found.body)] if found else []

    def left(self, job: str, chunk: int) -> list[Row]:
        """The rows of a chunk that are still to be asked."""
        rows = self.all(job, chunk)
        if not rows:
            return []
        span = {"job": job, "first": rows[0].n, "last": rows[-1].n}
        with self._database.read() as connection:
            done = set(connection.scalars(job_sql.DONE, span))
        return [row for row in rows if row.n not in done]

    def known(self, keys: Sequence[str]) -> dict[str, tuple[str, float | None]]:
        """Label and confidence of answers any job has got, by key."""
        if not keys:  # Postgres knows no type for an empty list
            return {}
        with self._database.read() as connection:
            found = connection.execute(job_sql.KNOWN, {"keys": list(keys)})
            return {row.key: (row.label, row.confidence) for row in found}

    def store(self, job: str, answered: Sequence[Answered]) -> None:
        """Store results and count them in the job, all at once; a row that has one keeps it.

        A result without label or error only says what an unfinished row took so far.
        """

        self._database.share(lambda connection: store_in(connection, job, answered))

    def results(self, job: str, rows_total: int) -> Iterator[RowResult]:
        """One for every row of the file, in order; rows not asked yet have an empty one."""
        model, expected = self._model(job), 0
        for found in self._pages(job):
            for row in found:
                yield from (RowResult() for _ in range(row["n"] - expected))
                yield job_sql.result_of(row, model)
                expected = row["n"] + 1
        yield from (RowResult() for _ in range(rows_total - expected))

    def counts(self, job: str) -> dict[tuple[str, str | None], int]:
        """How many finished rows have (gold, label); a failed row's label is None."""
        with self._database.read() as connection:
            found = connection.execute(job_sql.GOLD_COUNTS, {"job": job})
            return {(row.gold, row.label): row.rows for row in found}

    def pairs(self, a: str, b: str) -> dict[tuple[str | None, str | None, str | None], int]:
        """How many rows both jobs finished, by (gold, label in a, label in b)."""
        with self._database.read() as connection:
            found = connection.execute(job_sql.PAIRS, {"a": a, "b": b})
            return {(row.gold, row.label_a, row.label_b): row.rows for row in found}

    def sureness(self, job: str) -> list[tuple[float, bool]]:
        """(confidence, right) of every row that has a confidence and a gold label."""
        with self._database.read() as connection:
            found = connection.execute(job_sql.SURENESS, {"job": job})
            return [(row.confidence, row.label == row.gold) for row in found]

    def where(self, job: str, wanted: Mapping[str, str | None], most: int) -> dict[int, RowResult]:
        """Finished rows by number, the first `most` whose `gold`, `label` or `error` is the given.

        Nothing wanted: simply the first ones.
        """
        tests = [
            f"{name} = :{name}" if value is not None else f"{name} IS NULL"
            for name, value in wanted.items()
            if name in ("gold", "label", "error")
        ]
        query = sa.text(" AND ".join([job_sql.FINISHED, *tests]) + " ORDER BY n LIMIT :most")
        model, values = self._model(job), {**wanted, "job": job, "most": most}
        with self._database.read() as connection:
            found = connection.execute(query, values).mappings().all()
        return {row["n"]: job_sql.result_of(row, model) for row in found}

    def _model(self, job: str) -> str | None:
        with self._database.read() as connection:
            found: str | None = connection.scalar(job_sql.MODEL, {"id": job})
            return found

    def _pages(self, job: str) -> Iterator[Sequence[Any]]:
        last = -1
        while True:
            with self._database.read() as connection:
                values = {"job": job, "last": last, "most": PAGE}
                found = connection.execute(job_sql.PAGE, values).mappings().all()
            if not found:
                return
            yield found
            last = found[-1]["n"]


def store_in(connection: sa.Connection, job: str, answered: Sequence[Answered]) -> None:
    """As `JobRows.store`, in a shared transaction of the caller's; nothing for a deleted job."""
    found = connection.execute(job_sql.THERE, {"job": job}).one_or_none()
    if found is None:
        return
    total: dict[str, Any] = dict.fromkeys(job_sql.SUMMED, 0) | {"rows": 0, "failed": 0}
    for one in answered:
        values = job_sql.columns(job, one.row.n, one.row.gold, one.key, one.result)
        if not connection.execute(job_sql.STORE, values).rowcount:
            continue
        copies = 0
        if one.result.finished:
            copies = 1
        if one.result.finished and found.twins:
            copies += connection.execute(job_sql.STORE_TWINS, values).rowcount
        total["rows"] += copies
        total["failed"] += copies if one.result.error else 0
        for name in job_sql.SUMMED:  # unknown stays unknown, whatever is added to it
            known = total[name] is not None and values[name] is not None
            total[name] = total[name] + values[name] if known else None
    connection.execute(job_sql.COUNT, {**total, "job": job})


def key_of(model: str, task: Mapping[str, Any], text: str) -> str:
    """Equal for equal questions: same model, labels, instruction, examples and text."""
    asked = json.dumps([model, task, text], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:40]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
