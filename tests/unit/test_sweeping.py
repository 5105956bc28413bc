"""Leftovers go while the server runs."""

import io
import os
import time
from pathlib import Path

import pytest

from lib.store.uploads import STALE_S
from lib.work.app import App
from lib.work.jobs import JobDesk
from lib.work.sweeping import keep_swept
from tests.unit.builders import wait_until


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


def old_upload(app: App) -> Path:
    path = app.uploads.folder / app.uploads.save(io.BytesIO(b"data"))
    os.utime(path, (0, time.time() - STALE_S - 60))
    return path


def test_the_first_sweep_is_at_the_start(app: App) -> None:
    """Of uploads of no job, and of rows whose job never came to be."""
    old = old_upload(app)
    app.job_rows.add("never", [("a", None)], 10)
    ended = keep_swept(app, every_s=3600)
    try:
        assert wait_until(lambda: not old.exists() and not app.job_rows.unfinished("never"))
    finally:
        ended.set()


def test_what_goes_wrong_is_logged_and_tried_again(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is busy for a while does not end the sweeping, nor lose it a file."""
    old = old_upload(app)
    monkeypatch.setattr(app.database, "_busy_s", 0.02)
    with app.database.write():
        ended = keep_swept(app, every_s=0.02)
        assert wait_until(lambda: caplog.text.count("sweeping failed: Busy") > 2)
        assert old.exists()
    try:
        assert wait_until(lambda: not old.exists())
    finally:
        ended.set()


def test_waking_sweeps_nothing(app: App) -> None:
    """Unfinished jobs go on whatever may be wrong with leftovers."""
    old = old_upload(app)
    desk = JobDesk(app)
    desk.wake()
    desk.close()

    assert old.exists()
