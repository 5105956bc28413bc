"""Own presets: settings of the chat page under a name, for everybody with the password."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lib.core.errors import BadInput
from lib.store.database import Database, to_json

NAME_CHARACTERS, MOST = 80, 200


class Presets:
    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._now = database, now

    def all(self) -> dict[str, dict[str, Any]]:
        """Fields of core/options by name, in alphabetical order."""
        with self._database.read() as connection:
            rows = connection.execute(_ALL).all()
        return {row.name: json.loads(row.body) for row in rows}

    def save(self, name: str, options: dict[str, Any]) -> str:
        """Keep these options; one of the same name is replaced. Returns the name as it is kept."""
        cleaned = " ".join(name.replace("\0", "").encode(errors="replace").decode().split())
        if not 0 < len(cleaned) <= NAME_CHARACTERS:
            raise BadInput(
                f"name: 1 to {NAME_CHARACTERS} characters are wanted.", "Give the preset a name."
            )
        row = {"name": cleaned, "body": to_json(options), "updated": self._now().isoformat()}
        with self._database.write() as connection:
            others = connection.scalar(_OTHERS, {"name": cleaned}) or 0
            if others >= MOST:
                raise BadInput(f"name: there are {MOST} presets already.", "Delete one first.")
            connection.execute(_SAVE, row)
        return cleaned

    def delete(self, name: str) -> None:
        with self._database.write() as connection:
            connection.execute(_DELETE, {"name": name})


_ALL = sa.text("SELECT name, body FROM presets ORDER BY name")
_OTHERS = sa.text("SELECT count(*) FROM presets WHERE name <> :name")
_SAVE = sa.text(
    "INSERT INTO presets (name, body, updated) VALUES (:name, :body, :updated)"
    " ON CONFLICT (name) DO UPDATE SET body = excluded.body, updated = excluded.updated"
)
_DELETE = sa.text("DELETE FROM presets WHERE name = :name")
