"""Leftovers are swept when the server starts and while it runs: it may run for months."""

import logging
import threading
from collections.abc import Callable

from lib.core.errors import AppError
from lib.work.app import App

log = logging.getLogger(__name__)
EVERY_S = 3600.0


def keep_swept(app: App, every_s: float = EVERY_S) -> threading.Event:
    """Sweep the uploads of no job now and again and again, until the event it returns is set; rows
    of no job only now. A busy database or a broken disk is logged: there is a next time."""
    ended = threading.Event()

    def sweep() -> None:
        if app.database.is_sqlite:  # else another machine may be adding a job's rows
            _try(app.jobs.sweep)
        while True:
            _try(lambda: app.uploads.sweep(job.upload for job in app.jobs.all()))
            if ended.wait(every_s):
                return

    threading.Thread(target=sweep, name="sweeping", daemon=True).start()
    return ended


def _try(sweep: Callable[[], None]) -> None:
    try:
        sweep()
    except (AppError, OSError) as error:
        log.warning("sweeping failed: %s", type(error).__name__)
