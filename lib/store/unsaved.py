"""The newest words of answers that the storage would not take: read from here, written later."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

from lib.core.errors import StorageFailed
from lib.store.database import Database
from lib.store.turn import Turn

_WAITS = StorageFailed("The storage does not take it yet.")


class Unsaved:
    """`write(conversation, turn)` overwrites a stored turn."""

    def __init__(self, database: Database, write: Callable[[str, Turn], None]) -> None:
        def write_turn(key: tuple[str, int], turn: Turn) -> None:
            write(key[0], turn)

        self._late = database.late(write_turn, in_turn=True)

    def save(self, conversation: str, turn: Turn) -> None:
        """Write it, now or later."""
        self._late.save((conversation, turn.position), turn)

    def newest(self, conversation: str, turns: Iterable[Turn]) -> list[Turn]:
        """Stored turns with their newest words; the fact `unsaved` says why they are not stored."""
        return [self._newest(conversation, turn) for turn in turns]

    def removing(self, conversation: str, position: int) -> AbstractContextManager[None]:
        """Around the removal of turns at and after a position: what is kept of them goes too."""
        return self._late.removing(lambda key: key[0] == conversation and key[1] >= position)

    def _newest(self, conversation: str, turn: Turn) -> Turn:
        kept = self._late.get((conversation, turn.position))
        if kept is None:
            return turn
        problem = self._late.problem or _WAITS
        return replace(kept, facts={**kept.facts, "unsaved": problem.fields()})
