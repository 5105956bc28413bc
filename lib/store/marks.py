"""Which answer was better: a person's verdicts on the answers to one prompt, pair by pair."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

import sqlalchemy as sa

from lib.core.errors import BadInput
from lib.store.database import Database


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each of two models was the better one; `model_a` < `model_b`."""

    model_a: str
    model_b: str
    a_better: int
    b_better: int
    ties: int


class Marks:
    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._now = database, now

    def put(
        self, conversation: str, prompt: int, models: Sequence[str], better: str | None
    ) -> None:
        """Mark the answer of one of `models` as the best, or None: all are equally good.

        What was marked for this prompt before is forgotten.
        """
        if len(set(models)) < 2:
            raise BadInput("models: at least two answers are wanted to compare them.")
        if better is not None and better not in models:
            raise BadInput("better: none of the compared models has this name.")
        key = {"conversation": conversation, "prompt": prompt}
        marked = self._now().isoformat(timespec="seconds")
        rows = [
            {**key, "a": a, "b": b, "better": verdict, "marked": marked}
            for a, b, verdict in _pairs(models, better)
        ]
        with self._database.write() as connection:
            connection.execute(_CLEAR, key)
            connection.execute(_PUT, rows)

    def clear(self, conversation: str, prompt: int) -> None:
        with self._database.write() as connection:
            connection.execute(_CLEAR, {"conversation": conversation, "prompt": prompt})

    def of(self, conversation: str) -> dict[int, str | None]:
        """The better model by the prompt's position; None is a tie."""
        with self._database.read() as connection:
            rows = connection.execute(_OF, {"conversation": conversation}).all()
        chosen = {"a": lambda row: row.model_a, "b": lambda row: row.model_b}
        return {
            row.prompt: chosen[row.better](row) if row.better in chosen else None for row in rows
        }

    def tally(self) -> list[Tally]:
        """Each pair of models that was ever compared, over all conversations, by name."""
        with self._database.read() as connection:
            rows = connection.execute(_TALLY).all()
        return [Tally(row.model_a, row.model_b, row.a, row.b, row.ties) for row in rows]


def _pairs(models: Sequence[str], better: str | None) -> Iterator[tuple[str, str, str]]:
    """(a, b, verdict); what one model's being the best does not tell of two others is left out."""
    for a, b in combinations(sorted(set(models)), 2):
        if better is None:
            yield a, b, "tie"
        elif better in (a, b):
            yield a, b, "a" if better == a else "b"


_PUT = sa.text(
    "INSERT INTO marks (conversation, prompt, model_a, model_b, better, marked)"
    " VALUES (:conversation, :prompt, :a, :b, :better, :marked)"
    " ON CONFLICT (conversation, prompt, model_a, model_b)"  # another machine's, at this moment
    " DO UPDATE SET better = excluded.better, marked = excluded.marked"
)
_CLEAR = sa.text("DELETE FROM marks WHERE conversation = :conversation AND prompt = :prompt")
_OF = sa.text(
    "SELECT prompt, model_a, model_b, better FROM marks WHERE conversation = :conversation"
)
_TALLY = sa.text(
    "SELECT model_a, model_b, count(CASE WHEN better = 'a' THEN 1 END) AS a,"
    " count(CASE WHEN better = 'b' THEN 1 END) AS b,"
    " count(CASE WHEN better = 'tie' THEN 1 END) AS ties"
    " FROM marks GROUP BY model_a, model_b ORDER BY model_a, model_b"
)
