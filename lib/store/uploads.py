"""Uploaded files under random names; with a shared database every machine can get at them."""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from lib.core.errors import NotFound
from lib.store.database import Database
from lib.store.disk import check_room, may_fill

PART_BYTES = 2**20
STALE_S = 24 * 3600.0  # a file of no job that nobody used for so long was left behind
_NAME = re.compile(r"[0-9a-f]{32}")


class Uploads:
    """Files in `folder`. On SQLite they are there alone; otherwise parts of them are in the
    database too, and the folder is this machine's copy."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    @property
    def folder(self) -> Path:
        """Where they are on this machine, for this user only."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    def new(self) -> tuple[str, Path]:
        """A random name and the path to write to; `keep` it then, or `delete` it."""
        name = secrets.token_hex(16)
        return name, self.folder / name

    def save(self, source: BinaryIO) -> str:
        """Write all there is in `source`; returns the random name. `keep` or `delete` it then.

        Raises StorageFailed when the disk has no room for it.
        """
        name, path = self.new()
        check_room(self._folder, source.seek(0, os.SEEK_END))
        source.seek(0)
        try:
            with may_fill(), path.open("xb") as file:
                shutil.copyfileobj(source, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return name

    def keep(self, upload: str) -> None:
        """The file is written and wanted: let the other machines have it."""
        if self._database.is_sqlite:
            return
        with (self._folder / upload).open("rb") as file:
            for number, data in enumerate(iter(lambda: file.read(PART_BYTES), b"")):
                values = {"upload": upload, "part": number, "data": data}
                with self._database.write() as connection:
                    connection.execute(_ADD, values)

    def path(self, upload: str) -> Path:
        """Where the file is on this machine, fetched from the database if need be."""
        found = self._at(upload)
        try:
            os.utime(found)  # it is in use: see `sweep`
        except FileNotFoundError:
            self._fetch(upload, found)
        return found

    def delete(self, upload: str) -> None:
        """Remove it everywhere; one that is gone already is no matter."""
        self._at(upload).unlink(missing_ok=True)
        self._forget(upload)

    def sweep(self, wanted: Iterable[str]) -> None:
        """Delete files that nobody used for a day and that belong to no job, also temporary ones
        that a kill left here. Folders stay: none is made here."""
        keep = set(wanted)
        for file in self._folder.glob("*"):
            if file.name in keep or file.is_dir():
                continue
            with contextlib.suppress(FileNotFoundError):  # another process sweeps here too
                if file.stat().st_mtime < time.time() - STALE_S:
                    self._forget(file.name)  # may fail; the file says there is more to do
                    file.unlink()

    def _at(self, upload: str) -> Path:
        if not _NAME.fullmatch(upload):  # only names made here: no other may become a path
            raise NotFound("There is no such file.")
        return self._folder / upload

    def _forget(self, upload: str) -> None:
        with self._database.write() as connection:
            connection.execute(_DELETE, {"upload": upload})

    def _fetch(self, upload: str, path: Path) -> None:
        unfinished = self.folder / f"{upload}.{secrets.token_hex(4)}"
        part = 0
        with may_fill(), unfinished.open("xb") as file:
            while (data := self._part(upload, part)) is not None:
                file.write(data)
                part += 1
        if not part:
            unfinished.unlink()
            raise NotFound("The job's file is gone.", hint="Upload it again as a new job.")
        unfinished.rename(path)

    def _part(self, upload: str, part: int) -> bytes | None:
        with self._database.read() as connection:
            found: bytes | None = connection.scalar(_GET, {"upload": upload, "part": part})
            return found


_ADD = sa.text("INSERT INTO upload_parts (upload, part, data) VALUES (:upload, :part, :data)")
_GET = sa.text("SELECT data FROM upload_parts WHERE upload = :upload AND part = :part")
_DELETE = sa.text("DELETE FROM upload_parts WHERE upload = :upload")
