"""The statements behind `conversations`: the search, and what goes with a removed message.

The same SQL for SQLite and Postgres.
"""

from typing import Any

import sqlalchemy as sa

START = sa.text(
    "INSERT INTO conversations (id, created, updated, title, plain)"
    " VALUES (:id, :now, :now, :title, :plain)"
)
TITLE = sa.text("SELECT title FROM conversations WHERE id = :conversation")
PINNED = sa.text("SELECT pinned FROM conversations WHERE id = :conversation")
SETTINGS = sa.text("SELECT settings FROM conversations WHERE id = :conversation")
COUNT = sa.text("SELECT count(*) FROM messages WHERE conversation = :conversation")
RENAME = sa.text("UPDATE conversations SET title = :title, plain = :plain WHERE id = :conversation")
PIN = sa.text("UPDATE conversations SET pinned = :pinned WHERE id = :conversation")
TOUCH = sa.text(
    "UPDATE conversations SET updated = :now,"
    " settings = coalesce(CAST(:settings AS TEXT), settings) WHERE id = :conversation"
)
DELETE = sa.text("DELETE FROM conversations WHERE id = :conversation")

TURNS = sa.text(
    "SELECT position, role, body FROM messages WHERE conversation = :conversation ORDER BY position"
)
TURN = sa.text(
    "SELECT position, role, body FROM messages"
    " WHERE conversation = :conversation AND position = :position"
)
PAGE = sa.text(
    "SELECT position, role, body FROM messages"
    " WHERE conversation = :conversation AND position < :before"
    " ORDER BY position DESC LIMIT :limit"
)
ADD = sa.text(
    "INSERT INTO messages (conversation, position, role, body, plain)"
    " VALUES (:conversation, :position, :role, :body, :plain)"
)
REWRITE = sa.text(
    "UPDATE messages SET body = :body, plain = :plain"
    " WHERE conversation = :conversation AND position = :position"
)
LINK = sa.text(
    "INSERT INTO message_media (conversation, position, sha256)"
    " VALUES (:conversation, :position, :name)"
)
KEEP = sa.text("INSERT INTO media VALUES (:name, :mime, :data) ON CONFLICT DO NOTHING")
MEDIA = sa.text("SELECT mime, data FROM media WHERE sha256 = :name")

_RECENT = (
    "SELECT id, title, updated, pinned FROM conversations c {where}"
    " ORDER BY pinned DESC, updated DESC, id DESC LIMIT :limit"
)
_FOUND = (
    "(c.plain LIKE :word{n} ESCAPE '!' OR EXISTS (SELECT 1 FROM messages m"
    " WHERE m.conversation = c.id AND m.plain LIKE :word{n} ESCAPE '!'))"
)

# Marks of the prompt whose first answer goes, and of every later one.
_CUT_MARKS = sa.text(
    "DELETE FROM marks WHERE conversation = :conversation AND prompt >= ("
    "SELECT max(position) FROM messages WHERE conversation = :conversation AND role = 'user'"
    " AND position <= (SELECT min(position) FROM messages"
    " WHERE conversation = :conversation AND position >= :position))"
)
_LINKED = sa.text(
    "SELECT DISTINCT sha256 FROM message_media"
    " WHERE conversation = :conversation AND position >= :position"
)
_UNLINK = sa.text(
    "DELETE FROM message_media WHERE conversation = :conversation AND position >= :position"
)
_CUT = sa.text("DELETE FROM messages WHERE conversation = :conversation AND position >= :position")
_FORGET = sa.text(
    "DELETE FROM media WHERE sha256 = :name"
    " AND NOT EXISTS (SELECT 1 FROM message_media WHERE sha256 = :name)"
)


def plain(text: str) -> str:
    """Text as the search compares it: without case, and with one space between words."""
    return one_line(text).casefold()


def one_line(text: str) -> str:
    """Without zero bytes and halves of characters, which no database stores."""
    return " ".join(text.replace("\0", "").encode(errors="replace").decode().split())


def recent(words: list[str]) -> tuple[sa.TextClause, dict[str, str]]:
    """The list of those in whose title or messages each of the words occurs, and its values."""
    found = " AND ".join(_FOUND.format(n=n) for n in range(len(words)))
    where = f"WHERE {found}" if words else ""
    values = {f"word{n}": f"%{_literal(word)}%" for n, word in enumerate(words)}
    return sa.text(_RECENT.format(where=where)), values


def _literal(word: str) -> str:
    """A word for LIKE … ESCAPE '!' in which no sign is a wildcard."""
    return "".join(f"!{sign}" if sign in "!%_" else sign for sign in word)


def cut(connection: sa.Connection, conversation: str, position: int) -> list[dict[str, Any]]:
    """Remove messages from a position on, with their marks; gives the names of their files."""
    values = {"conversation": conversation, "position": position}
    names = [{"name": name} for name in connection.scalars(_LINKED, values)]
    for statement in (_CUT_MARKS, _UNLINK, _CUT):
        connection.execute(statement, values)
    return names


def forget_unused(connection: sa.Connection, names: list[dict[str, Any]]) -> None:
    """Remove those of the files that no message uses any more."""
    if names:
        connection.execute(_FORGET, names)
