"""Batches that nobody waits for any more: their jobs were cancelled or deleted."""

import logging
from contextlib import suppress

from lib.core.batch import Batching
from lib.core.errors import AppError, NotFound, Unreachable
from lib.providers.line import Line
from lib.store.batches import Batch
from lib.work.app import App
from lib.work.batch_calls import give_up
from lib.work.batch_send import LISTED_S
from lib.work.chunk_rows import ChunkRows
from lib.work.tally import Pending

log = logging.getLogger(__name__)

CALL_S = 10.0


def call_off(app: App) -> None:
    """Cancel them at the provider; one that cannot be reached now is left for the next time."""
    provider, strays = app.gemini_batch, app.batches.stray()
    if provider is None or not strays:
        return
    for batch in strays:
        try:
            with Line(CALL_S).held():
                _cancel(app, provider, batch)
        except AppError as error:
            log.info("a batch could not be cancelled yet: %s", error.code)
    app.batches.forget()


def _cancel(app: App, provider: Batching, batch: Batch) -> None:
    """What it may have cost stays reserved: nobody tells what was done by then."""
    name = batch.name or provider.find(batch.id)
    if name is None:
        sent_by = batch.tried + app.settings.model_timeout_s + LISTED_S
        if app.batches.now() < sent_by:
            return  # it may still be on its way
    else:
        with suppress(NotFound):
            provider.cancel(name)
    error = Unreachable("The job was cancelled before its batch was answered.")
    give_up(app, batch, _rows(app, batch), error, "cancelled")


def _rows(app: App, batch: Batch) -> dict[int, Pending]:
    try:
        job = app.jobs.get(batch.job)
    except NotFound:
        return {}
    return ChunkRows(app, job, batch.chunk, job.spec.rows_per_request).all()
