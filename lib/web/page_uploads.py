"""Files chosen on a page: in Streamlit's memory, bounded, and let go of when a page has used them.

Streamlit bounds one file, but neither how many somebody sends nor how long they stay. On disk they
would be back in memory with every run of a page: a widget holds the bytes of its files.
"""

from typing import Any

from starlette.exceptions import HTTPException
from streamlit import config
from streamlit.runtime import memory_uploaded_file_manager as streamlits
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

MOST_FILES = 2000  # of one session; an empty one takes memory too
# In largest files (MAX_UPLOAD_MB). A session that is refused one holds more than a page takes: no
# page goes on with a part of what was chosen.
MOST_OF_ONE, MOST_OF_ALL = 2, 4


class PageUploads(MemoryUploadedFileManager):
    """Streamlit's own manager with bounds on the bytes of a session and of all together."""

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Raises the HTTPException that Streamlit's route answers with."""
        largest = config.get_option("server.maxUploadSize") * 2**20
        with self._lock:
            own = dict(self.file_storage.get(session_id, {}))
            old = own.pop(file.file_id, None)
            others = sum(len(other.data) for other in own.values())
            everything = self._total_bytes - (len(old.data) if old else 0)
        if len(own) >= MOST_FILES or others + len(file.data) > MOST_OF_ONE * largest:
            raise HTTPException(413, "These are too many files for one page.")
        if everything + len(file.data) > MOST_OF_ALL * largest:
            raise HTTPException(503, "Too many files are held at the moment; try again.")
        super().add_file(session_id, file)


def release(*files: Any) -> None:
    """Forget files of this session whose bytes were taken, if Streamlit still has them."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in files:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def install() -> None:
    """Let Streamlit make its runtime with PageUploads; before it makes it, that is on import."""
    streamlits.MemoryUploadedFileManager = PageUploads  # type: ignore[misc]
