"""A local answer that outlasts its reservation: more is reserved, or it is ended in time.

What an API may charge is known before a call. What a machine's time costs is not: nobody knows how
long an answer will take. So it is reserved piece by piece, each before the one before is used up.
"""

import logging
import threading
from decimal import Decimal

from lib.core.errors import AppError, Busy, EndedByBudget, OverBudget
from lib.providers.line import Line
from lib.store.ledger import Ledger

log = logging.getLogger(__name__)

EARLY = 0.9  # of the first piece may be used up before the next is reserved


class Longer:
    """Reserves `usd` for each further `piece_s` seconds of a call, from `begin` until `end`.

    When the budget has no room for that, it hangs up. It does so without a budget too: what is
    reserved is then the most that a call may have cost that never told its end.
    """

    def __init__(self, ledger: Ledger, call: str, line: Line, piece_s: float, usd: Decimal) -> None:
        self._ledger, self._call, self._line = ledger, call, line
        self._piece_s, self._usd = piece_s, usd
        self._over: EndedByBudget | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        """Watch from now on; raises Busy when the system has no thread left for that."""
        if not self._usd:
            return
        try:
            threading.Thread(target=self._watch, daemon=True).start()
        except RuntimeError:
            busy = "This server has no thread left for another answer."
            raise Busy(busy, retry_after_s=5) from None

    def end(self) -> EndedByBudget | None:
        """The call is over; the reason, if it was ended here."""
        self._ended.set()
        return self._over

    def _watch(self) -> None:
        pause_s, wanted = EARLY * self._piece_s, self._usd
        while not self._ended.wait(pause_s):
            try:
                self._ledger.extend(self._call, wanted)
                pause_s, wanted = self._piece_s, self._usd
            except OverBudget as error:
                self._over = EndedByBudget(
                    "The answer was ended: the budget does not pay for more of this machine's "
                    f"time. {error}",
                    hint=error.hint,
                )
                self._line.hang_up()
                return
            except AppError as error:  # of the storage: it must not end a good answer
                log.warning("no more could be reserved: %s", error.code)
                pause_s, wanted = self._piece_s, wanted + self._usd
