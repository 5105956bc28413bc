"""A local answer that outlasts its reservation: more is reserved, or it is ended in time.

What an API may charge is known before a call. What a machine's time costs is not: nobody knows how
long an answer will take. So it is reserved piece by piece, each before the one before is used up.
"""

import logging
import threading
from decimal import Decimal

from lib.core.errors import AppError, OverBudget
from lib.providers.line import Line
from lib.store.ledger import Ledger

log = logging.getLogger(__name__)

EARLY = 0.9  # of the first piece may be used up before the next is reserved


class Longer:
    """Reserves `usd` for each further `piece_s` seconds of a call, until `end`.

    When the budget has no room for that, it hangs up. If it is `quiet`, the call just ends as
    stopped: a job learns the reason when its next call is refused.
    """

    def __init__(
        self, ledger: Ledger, call: str, line: Line, piece_s: float, usd: Decimal, quiet: bool
    ) -> None:
        self._ledger, self._call, self._line = ledger, call, line
        self._piece_s, self._usd, self._quiet = piece_s, usd, quiet
        self._over: OverBudget | None = None
        self._ended = threading.Event()
        if usd:
            threading.Thread(target=self._watch, daemon=True).start()

    def end(self) -> OverBudget | None:
        """The call is over; the reason, if it was ended here."""
        self._ended.set()
        return None if self._quiet else self._over

    def _watch(self) -> None:
        pause_s, wanted = EARLY * self._piece_s, self._usd
        while not self._ended.wait(pause_s):
            try:
                self._ledger.extend(self._call, wanted)
                pause_s, wanted = self._piece_s, self._usd
            except OverBudget:
                self._over = OverBudget(
                    "The answer was ended: the budget does not pay for more of this machine's time."
                )
                self._line.hang_up()
                return
            except AppError as error:  # of the storage: it must not end a good answer
                log.warning("no more could be reserved: %s", error.code)
                pause_s, wanted = self._piece_s, wanted + self._usd
