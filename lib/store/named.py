"""JSON under a name, for everybody with the password: what people save to come back to."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from lib.core.errors import BadInput
from lib.store.database import Database, to_json

NAME_CHARACTERS, MOST = 80, 200


class Named:
    """Rows of one kind, `noun`; they stand in the table of its plural."""

    noun: ClassVar[str]

    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._now = database, now

    def all(self) -> dict[str, dict[str, Any]]:
        """Bodies by name, in alphabetical order."""
        with self._database.read() as connection:
            rows = connection.execute(self._sql("SELECT name, body FROM {} ORDER BY name")).all()
        return {row.name: json.loads(row.body) for row in rows}

    def save(self, name: str, body: dict[str, Any]) -> str:
        """Keep this; one of the same name is replaced. Returns the name as it is kept."""
        cleaned = " ".join(name.replace("\0", "").encode(errors="replace").decode().split())
        if not 0 < len(cleaned) <= NAME_CHARACTERS:
            raise BadInput(
                f"name: 1 to {NAME_CHARACTERS} characters are wanted.",
                f"Give the {self.noun} a name.",
            )
        row = {"name": cleaned, "body": to_json(body), "updated": self._now().isoformat()}
        with self._database.write() as connection:
            others = connection.scalar(self._sql(_OTHERS), {"name": cleaned}) or 0
            if others >= MOST:
                raise BadInput(f"name: there are {MOST} {self.noun}s already.", "Delete one first.")
            connection.execute(self._sql(_SAVE), row)
        return cleaned

    def delete(self, name: str) -> None:
        """Forget it; one that is gone already is no error."""
        with self._database.write() as connection:
            connection.execute(self._sql("DELETE FROM {} WHERE name = :name"), {"name": name})

    def _sql(self, statement: str) -> sa.TextClause:
        return sa.text(statement.format(f"{self.noun}s"))


_OTHERS = "SELECT count(*) FROM {} WHERE name <> :name"
_SAVE = (
    "INSERT INTO {} (name, body, updated) VALUES (:name, :body, :updated)"
    " ON CONFLICT (name) DO UPDATE SET body = excluded.body, updated = excluded.updated"
)
