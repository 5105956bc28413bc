"""Which downloads of models are wanted: a file of this machine, so that a restart goes on.

Not in the database: two machines may share one, and each means another server by 127.0.0.1.
"""

import json
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from lib.core.errors import StorageFailed

log = logging.getLogger(__name__)

Wanted = tuple[str, str]  # a host's base URL and a model's full name


class WantedPulls:
    """One process per file; every change is on the disk when the call comes back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def all(self) -> list[Wanted]:
        """In the order they were wanted; a file that cannot be read holds none."""
        try:
            return [(one["host"], one["model"]) for one in json.loads(self._file.read_bytes())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be read: %s", self._file.name, type(error).__name__)
            return []

    def add(self, wanted: Wanted) -> None:
        with self._lock:
            others = [one for one in self.all() if one != wanted]
            self._store([*others, wanted])

    def remove(self, wanted: Wanted) -> None:
        """One that is gone already is no error."""
        with self._lock:
            kept = self.all()
            if wanted in kept:
                self._store(one for one in kept if one != wanted)

    def _store(self, wanted: Iterable[Wanted]) -> None:
        body = [{"host": host, "model": model} for host, model in wanted]
        fresh = self._file.with_suffix(".new")
        try:
            fresh.touch(mode=0o600)  # an address may hold a password
            fresh.write_text(json.dumps(body))
            os.replace(fresh, self._file)  # never half a list
        except OSError as error:
            log.error("%s could not be stored: %s", self._file.name, type(error).__name__)
            raise StorageFailed("What is to be downloaded could not be stored.") from None
