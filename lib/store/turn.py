"""One message of a conversation, and how it becomes a row and comes back."""

import json
from dataclasses import dataclass, field
from typing import Any

from lib.core.chat import Role
from lib.store import conversation_sql as sql
from lib.store.database import to_json


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored message; `media` are the names of its files.

    `facts` is what its footer tells: model, finish, usage, cost, error.
    """

    position: int
    role: Role
    text: str
    thought: str = ""
    media: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def turn_of(row: Any) -> Turn:
    """A row with position, role and body."""
    body = json.loads(row.body)
    return Turn(
        row.position, row.role, body["text"], body["thought"], tuple(body["media"]),
        dict(body["facts"]),
    )  # fmt: skip


def columns(conversation: str, turn: Turn) -> dict[str, Any]:
    """The values of its row."""
    body = {
        "text": turn.text, "thought": turn.thought, "media": list(turn.media),
        "facts": turn.facts,
    }  # fmt: skip
    return {
        "conversation": conversation, "position": turn.position, "role": turn.role,
        "body": to_json(body), "plain": sql.plain(turn.text),
    }  # fmt: skip
