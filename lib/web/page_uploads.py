"""Files chosen on a page: on disk instead of in Streamlit's memory, and gone with their session.

Streamlit bounds one file, but not how many somebody sends: 5 of 100 MB each took 500 MB.
"""

import contextlib
import mmap
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from starlette.exceptions import HTTPException
from streamlit.runtime import memory_uploaded_file_manager as streamlits
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

MOST_FILES = 2000  # of one session; each holds a file descriptor
_writer = ThreadPoolExecutor(1, "page uploads")


class _OnDisk:
    """Bytes in a file that never had a name: the system removes it with the last reference to it,
    and after a kill too, so that nothing need be swept.

    They are written in the background, since Streamlit hands them over on its event loop, and stay
    in memory until then, or when the disk does not take them.
    """

    def __init__(self, data: bytes) -> None:
        self._file: IO[bytes] | None = None
        self._data: bytes | None = data
        self._size = len(data)
        _writer.submit(self._write, data)

    def __del__(self) -> None:
        if self._file:
            self._file.close()

    def __len__(self) -> int:
        return self._size

    def read(self) -> bytes:
        data = self._data
        if data is not None:
            return data
        assert self._file is not None
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return mapped[:]

    def _write(self, data: bytes) -> None:
        if not data:
            return  # nothing of it could be mapped
        with contextlib.suppress(OSError):
            file = tempfile.TemporaryFile()  # noqa: SIM115
            file.write(data)
            file.flush()
            self._file = file
            self._data = None


class PageUploads(MemoryUploadedFileManager):
    """Streamlit's own manager, whose records hold an `_OnDisk` in place of the bytes."""

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Raises the HTTPException that Streamlit's route answers with."""
        if len(self.file_storage.get(session_id, ())) >= MOST_FILES:
            raise HTTPException(413, f"More than {MOST_FILES} files in one session.")
        kept: Any = _OnDisk(file.data)
        super().add_file(session_id, file._replace(data=kept))

    def get_files(self, session_id: str, file_ids: Sequence[str]) -> list[UploadedFileRec]:
        found: list[Any] = super().get_files(session_id, file_ids)
        return [record._replace(data=record.data.read()) for record in found]


def install() -> None:
    """Let Streamlit make its runtime with PageUploads; before it makes it, that is on import."""
    streamlits.MemoryUploadedFileManager = PageUploads  # type: ignore[misc]
