"""Conversations: every message as it was written, so that a reload or a crash loses nothing."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lib.core.chat import Media
from lib.core.errors import BadInput, NotFound
from lib.store import conversation_sql as sql
from lib.store.database import Database, to_json
from lib.store.ledger import new_id
from lib.store.turn import Turn, columns, turn_of
from lib.store.unsaved import Unsaved

__all__ = ["MOST_ANSWERS", "Conversations", "Entry", "Turn", "name_of"]

OPENING_CHARACTERS = 60  # of a first prompt, as a title
TITLE_CHARACTERS = 120
MOST_SEARCHED, MOST_ANSWERS = 200, 4  # characters; models for one prompt


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation as the list shows it; `updated` is in ISO 8601, UTC."""

    id: str
    title: str
    updated: str
    pinned: bool


class Conversations:
    """The answers to a prompt stand right behind it, so positions have no gaps.

    A file is there as long as some message names it.
    """

    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._now = database, now
        self._unsaved = Unsaved(database, self._rewrite)

    def start(self, title: str, longest: int = OPENING_CHARACTERS) -> str:
        """A new conversation's id; the title is the first words of its first prompt."""
        short = sql.one_line(title)[:longest] or "…"
        row = {"id": new_id(), "now": self._time(), "title": short, "plain": sql.plain(short)}
        with self._database.write() as connection:
            connection.execute(sql.START, row)
        return row["id"]

    def recent(self, search: str = "", limit: int = 50) -> list[Entry]:
        """Pinned ones first, then the newest; each word of `search` is in title or messages."""
        statement, values = sql.recent(sql.plain(search[:MOST_SEARCHED]).split())
        with self._database.read() as connection:
            rows = connection.execute(statement, {**values, "limit": limit}).all()
        return [Entry(row.id, row.title, row.updated, bool(row.pinned)) for row in rows]

    def exists(self, conversation: str) -> bool:
        return self.title(conversation) is not None

    def title(self, conversation: str) -> str | None:
        """None: there is no such conversation."""
        found: str | None = self._value(sql.TITLE, conversation)
        return found

    def rename(self, conversation: str, title: str) -> None:
        """Cut to `TITLE_CHARACTERS`; a blank one is BadInput."""
        short = sql.one_line(title)[:TITLE_CHARACTERS]
        if not short:
            raise BadInput("title: it must not be blank.")
        self._change(sql.RENAME, conversation, title=short, plain=sql.plain(short))

    def pinned(self, conversation: str) -> bool:
        return bool(self._value(sql.PINNED, conversation))

    def pin(self, conversation: str, pinned: bool) -> None:
        self._change(sql.PIN, conversation, pinned=int(pinned))

    def settings(self, conversation: str) -> dict[str, Any] | None:
        """What it was last asked with; None: nothing yet."""
        found = self._value(sql.SETTINGS, conversation)
        return None if found is None else dict(json.loads(found))

    def turns(self, conversation: str) -> list[Turn]:
        return self._turns(sql.TURNS, conversation)

    def turn(self, conversation: str, position: int) -> Turn | None:
        return next(iter(self._turns(sql.TURN, conversation, position=position)), None)

    def page(self, conversation: str, before: int | None, limit: int) -> list[Turn]:
        """The newest `limit` turns before a position (None: of all), in order.

        A few more if the first would be an answer without its prompt.
        """
        found = self._turns(
            sql.PAGE, conversation, before=2**62 if before is None else before,
            limit=limit + MOST_ANSWERS,
        )  # fmt: skip
        whole = (n for n in range(limit, len(found) + 1) if found[n - 1].role == "user")
        return found[: next(whole, limit)][::-1]

    def count(self, conversation: str) -> int:
        """How many messages it has."""
        return int(self._value(sql.COUNT, conversation))

    def add(
        self,
        conversation: str,
        turns: Sequence[Turn],
        media: Iterable[Media] = (),
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Write new turns and the files they name: all of it or nothing.

        `settings` None: they stay. NotFound: the conversation was deleted; BadInput: another
        machine took the position.
        """
        self._write(conversation, None, turns, media, settings)

    def replace(
        self,
        conversation: str,
        position: int,
        turns: Sequence[Turn],
        media: Iterable[Media] = (),
        settings: dict[str, Any] | None = None,
    ) -> None:
        """As `add`, instead of everything at and after `position`; files named again stay."""
        self._write(conversation, position, turns, media, settings)

    def rewrite(self, conversation: str, turn: Turn) -> None:
        """Write a turn again while its answer grows; one that was removed stays removed.

        What the storage does not take now is written later. Until then it is read from memory, and
        its fact `unsaved`, an error of the JSON API, says why.
        """
        self._unsaved.save(conversation, turn)

    def cut(self, conversation: str, position: int) -> None:
        """Remove what stands at and after `position`, with its marks and files."""
        with self._removing(conversation, position) as connection:
            sql.forget_unused(connection, sql.cut(connection, conversation, position))

    def delete(self, conversation: str) -> None:
        """Remove it with its messages, marks and files."""
        with self._removing(conversation, 0) as connection:
            connection.execute(sql.DELETE, {"conversation": conversation})
            sql.forget_unused(connection, sql.cut(connection, conversation, 0))

    def media(self, name: str) -> Media:
        with self._database.read() as connection:
            row = connection.execute(sql.MEDIA, {"name": name}).one_or_none()
        if row is None:
            raise NotFound("The file was deleted with its message.")
        return Media(row.mime, bytes(row.data))

    def _write(
        self,
        conversation: str,
        instead_of: int | None,
        turns: Sequence[Turn],
        media: Iterable[Media],
        settings: dict[str, Any] | None,
    ) -> None:
        files = [{"name": name_of(part), "mime": part.mime, "data": part.data} for part in media]
        links = [
            {"conversation": conversation, "position": turn.position, "name": name}
            for turn in turns for name in set(turn.media)
        ]  # fmt: skip
        rows = [columns(conversation, turn) for turn in turns]
        kept = None if settings is None else to_json(settings)
        now = {"conversation": conversation, "now": self._time(), "settings": kept}
        try:
            with self._removing(conversation, instead_of) as connection:
                if not connection.execute(sql.TOUCH, now).rowcount:
                    raise NotFound("The conversation was deleted.", hint="Begin a new one.")
                lost = []
                if instead_of is not None:
                    lost = sql.cut(connection, conversation, instead_of)
                for statement, values in ((sql.KEEP, files), (sql.LINK, links), (sql.ADD, rows)):
                    if values:
                        connection.execute(statement, values)
                sql.forget_unused(connection, lost)
        except IntegrityError:
            raise BadInput(
                "conversation: another machine wrote in it at this moment.", hint="Send it again."
            ) from None

    @contextmanager
    def _removing(self, conversation: str, position: int | None) -> Iterator[sa.Connection]:
        """A transaction that removes all from a position on; None: it removes nothing."""
        kept = nullcontext() if position is None else self._unsaved.removing(conversation, position)
        with kept, self._database.write() as connection:
            # Nobody begins to use a file between the look that finds it unused and its removal.
            if not self._database.is_sqlite:  # whose writers take turns anyway
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(20261124)"))
            yield connection

    def _rewrite(self, conversation: str, turn: Turn) -> None:
        row = {**columns(conversation, turn), "now": self._time(), "settings": None}
        with self._database.write() as connection:
            # The conversation's row comes first everywhere: two writers must not wait crosswise.
            connection.execute(sql.TOUCH, row)
            connection.execute(sql.REWRITE, row)

    def _turns(self, statement: sa.TextClause, conversation: str, **values: Any) -> list[Turn]:
        with self._database.read() as connection:
            rows = connection.execute(statement, {"conversation": conversation, **values}).all()
        return self._unsaved.newest(conversation, [turn_of(row) for row in rows])

    def _value(self, statement: sa.TextClause, conversation: str) -> Any:
        with self._database.read() as connection:
            return connection.scalar(statement, {"conversation": conversation})

    def _change(self, statement: sa.TextClause, conversation: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(statement, {"conversation": conversation, **values})

    def _time(self) -> str:
        return self._now().isoformat(timespec="microseconds")


def name_of(media: Media) -> str:
    """The name a file is stored under: the SHA-256 of its bytes in hexadecimal."""
    return hashlib.sha256(media.data).hexdigest()
