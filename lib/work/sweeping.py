"""Leftovers are swept while the server runs, not only when it starts: it may run for months."""

import contextlib
import threading

from lib.core.errors import AppError
from lib.work.app import App

EVERY_S = 3600.0


def keep_swept(app: App, every_s: float = EVERY_S) -> threading.Event:
    """Sweep the uploads of no job again and again, until the event it returns is set."""
    ended = threading.Event()

    def sweep() -> None:
        while not ended.wait(every_s):
            with contextlib.suppress(
                AppError
            ):  # a busy database is no matter: there is a next time
                app.uploads.sweep(job.upload for job in app.jobs.all())

    threading.Thread(target=sweep, name="sweeping", daemon=True).start()
    return ended
