"""Conversations: every message as it was written, so that a reload or a crash loses nothing."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lib.core.chat import Media, Role
from lib.store.database import Database, to_json
from lib.store.ledger import new_id

TITLE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored message. `facts` is what its footer tells: model, finish, usage, cost, error."""

    position: int
    role: Role
    text: str
    thought: str = ""
    media: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Conversations:
    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._now = database, now

    def start(self, title: str) -> str:
        """A new conversation's id; the title is the first words of its first prompt."""
        now = self._now().isoformat(timespec="microseconds")
        storable = title.replace("\0", "").encode(errors="replace").decode()
        short = " ".join(storable.split())[:TITLE_CHARACTERS] or "…"
        row = {"id": new_id(), "created": now, "updated": now, "title": short}
        with self._database.write() as connection:
            connection.execute(_START, row)
        return row["id"]

    def exists(self, conversation: str) -> bool:
        with self._database.read() as connection:
            return connection.scalar(_EXISTS, {"id": conversation}) is not None

    def recent(self, limit: int = 50) -> list[tuple[str, str]]:
        """(id, title), newest first."""
        with self._database.read() as connection:
            return [(row.id, row.title) for row in connection.execute(_RECENT, {"limit": limit})]

    def turns(self, conversation: str) -> list[Turn]:
        with self._database.read() as connection:
            rows = connection.execute(_TURNS, {"conversation": conversation}).all()
        return [_turn(row.position, row.role, json.loads(row.body)) for row in rows]

    def put(self, conversation: str, turn: Turn) -> None:
        """Write a turn, or write it again while its answer grows."""
        body = {
            "text": turn.text, "thought": turn.thought, "media": list(turn.media),
            "facts": turn.facts,
        }  # fmt: skip
        row = {
            "conversation": conversation, "position": turn.position, "role": turn.role,
            "body": to_json(body), "now": self._now().isoformat(timespec="microseconds"),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(_PUT, row)
            connection.execute(_TOUCH, row)

    def keep(self, media: Media) -> str:
        """Store a file once by its content; returns its name."""
        name = hashlib.sha256(media.data).hexdigest()
        with self._database.write() as connection:
            connection.execute(_KEEP, {"name": name, "mime": media.mime, "data": media.data})
        return name

    def media(self, name: str) -> Media:
        with self._database.read() as connection:
            row = connection.execute(_MEDIA, {"name": name}).one()
        return Media(row.mime, bytes(row.data))


def _turn(position: int, role: Role, body: dict[str, Any]) -> Turn:
    return Turn(
        position, role, body["text"], body["thought"], tuple(body["media"]), dict(body["facts"])
    )


_START = sa.text("INSERT INTO conversations VALUES (:id, :created, :updated, :title)")
_EXISTS = sa.text("SELECT 1 FROM conversations WHERE id = :id")
_RECENT = sa.text("SELECT id, title FROM conversations ORDER BY updated DESC LIMIT :limit")
_TURNS = sa.text(
    "SELECT position, role, body FROM messages WHERE conversation = :conversation ORDER BY position"
)
_PUT = sa.text(
    "INSERT INTO messages VALUES (:conversation, :position, :role, :body)"
    " ON CONFLICT (conversation, position) DO UPDATE SET body = excluded.body"
)
_TOUCH = sa.text("UPDATE conversations SET updated = :now WHERE id = :conversation")
_KEEP = sa.text("INSERT INTO media VALUES (:name, :mime, :data) ON CONFLICT DO NOTHING")
_MEDIA = sa.text("SELECT mime, data FROM media WHERE sha256 = :name")
