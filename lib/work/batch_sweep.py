"""Batches that nobody waits for any more: their jobs were cancelled or deleted."""

import logging
import threading
import time

from lib.core.errors import AppError, BadInput, NotFound, Unreachable
from lib.providers.line import Line
from lib.store.batches import Batch
from lib.work.app import App
from lib.work.batch_calls import give_up
from lib.work.batch_chunk import RUNNING, STUCK_S
from lib.work.batch_send import LISTED_S
from lib.work.chunk_rows import ChunkRows
from lib.work.tally import Pending

log = logging.getLogger(__name__)

CALL_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 600.0  # between two tries of one batch, doubling


class Sweep:
    """Calls them off at the provider; it waits for the network, so nothing else waits for it."""

    def __init__(self, app: App, closing: threading.Event) -> None:
        self._app, self._closing = app, closing
        self._pauses: dict[str, tuple[float, float]] = {}  # by batch: seconds, and when they end

    def run(self) -> None:
        """One try for each whose time has come."""
        strays = self._app.batches.stray()
        self._pauses = {one.id: self._pauses.get(one.id, (0.0, 0.0)) for one in strays}
        for batch in strays:
            pause_s, until = self._pauses[batch.id]
            if self._closing.is_set():
                return
            if time.monotonic() >= until and not self._call_off(batch):
                pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * pause_s))
                self._pauses[batch.id] = (pause_s, time.monotonic() + pause_s)
        if strays:
            self._app.batches.forget()

    def _call_off(self, batch: Batch) -> bool:
        """Whether it is over now. What it may have cost stays reserved: nobody tells what was done
        by then. One that Google will not let go is over when it cannot be running any more."""
        try:
            with Line(CALL_S).held():
                over = self._cancelled(batch)
        except AppError as error:
            log.info("a batch could not be cancelled yet: %s", error.code)
            over = False
        if not over and self._app.batches.age_s(batch) <= STUCK_S:
            return False
        why = Unreachable("The job was cancelled before its batch was answered.")
        give_up(self._app, batch, self._rows(batch), why, "cancelled")
        return True

    def _cancelled(self, batch: Batch) -> bool:
        provider = self._app.gemini_batch
        if provider is None:
            return False
        name = batch.name or provider.find(batch.id)
        if name is None:  # it may still be on its way
            return self._app.batches.age_s(batch) > self._app.settings.model_timeout_s + LISTED_S
        try:
            provider.cancel(name)
        except NotFound:
            return True
        except BadInput:
            return provider.look(name) not in RUNNING
        return True

    def _rows(self, batch: Batch) -> dict[int, Pending]:
        try:
            job = self._app.jobs.get(batch.job)
        except NotFound:
            return {}
        return ChunkRows(self._app, job, batch.chunk, job.spec.rows_per_request).all()
