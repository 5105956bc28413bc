"""Leftovers go while the server runs."""

import io
import os
import time
from pathlib import Path

from lib.store.uploads import STALE_S
from lib.work.app import App
from lib.work.sweeping import keep_swept


def test_old_leftovers_are_swept_without_a_restart(app: App, tmp_path: Path) -> None:
    """Again and again; what is in use or new stays."""
    folder = app.uploads.folder
    ended = keep_swept(app, every_s=0.02)
    try:
        for _ in range(2):
            old, new = (folder / app.uploads.save(io.BytesIO(b"data")) for _ in range(2))
            os.utime(old, (0, time.time() - STALE_S - 60))
            until = time.monotonic() + 10
            while old.exists():
                assert time.monotonic() < until
                time.sleep(0.01)

            assert new.exists()
    finally:
        ended.set()
