"""Streamlit's store of uploaded files, bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from streamlit import config
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from lib.web import page_uploads
from lib.web.page_uploads import MOST_FILES, PageUploads

MEGABYTE = 2**20


@pytest.fixture
def uploads() -> Iterator[PageUploads]:
    """The largest file has one megabyte."""
    before = config.get_option("server.maxUploadSize")
    config.set_option("server.maxUploadSize", 1)
    yield PageUploads("/upload")
    config.set_option("server.maxUploadSize", before)


def record(name: str, data: bytes) -> UploadedFileRec:
    return UploadedFileRec(name, f"{name}.csv", "text/csv", data)


def refusal(uploads: PageUploads, session: str, size: int, name: str = "more") -> int:
    """The status with which a file is refused; 0 for one that is taken."""
    try:
        uploads.add_file(session, record(name, bytes(size)))
    except HTTPException as error:
        return error.status_code
    return 0


def test_a_page_gets_the_bytes_that_were_sent(uploads: PageUploads) -> None:
    uploads.add_file("session", record("a", b"data"))

    assert uploads.get_files("session", ["a", "none"]) == [record("a", b"data")]


def test_the_bytes_of_a_session_are_bounded(uploads: PageUploads) -> None:
    """What it holds is more than a page takes, so that no page goes on with a part of it."""
    assert [refusal(uploads, "one", MEGABYTE, str(n)) for n in range(3)] == [0, 0, 413]
    assert refusal(uploads, "one", 1) == 413
    assert refusal(uploads, "two", MEGABYTE) == 0
    held = uploads.get_files("one", ["0", "1", "2", "more"])

    assert [len(file.data) for file in held] == [MEGABYTE, MEGABYTE]


def test_a_file_sent_again_takes_the_place_of_the_old_one(uploads: PageUploads) -> None:
    for number in (0, 1, 1, 0):
        assert refusal(uploads, "one", MEGABYTE, str(number)) == 0


def test_the_bytes_of_all_sessions_are_bounded(uploads: PageUploads) -> None:
    """Many sessions are as easily had as many files; it is nobody's fault, and passes."""
    for session in ("one", "two"):
        assert [refusal(uploads, session, MEGABYTE, str(n)) for n in range(2)] == [0, 0]
    assert refusal(uploads, "three", 1) == 503
    assert refusal(uploads, "two", MEGABYTE, "1") == 0
    uploads.remove_session_files("one")

    assert refusal(uploads, "three", MEGABYTE) == 0


def test_what_is_removed_makes_room(uploads: PageUploads) -> None:
    for number in range(2):
        assert refusal(uploads, "one", MEGABYTE, str(number)) == 0
    uploads.remove_file("one", "0")

    assert refusal(uploads, "one", MEGABYTE) == 0


def test_the_files_of_a_session_are_bounded(uploads: PageUploads) -> None:
    """Streamlit takes any name for a file, and any number of empty ones."""
    assert {refusal(uploads, "one", 0, str(n)) for n in range(MOST_FILES)} == {0}
    assert refusal(uploads, "one", 0) == 413
    assert refusal(uploads, "one", 1, "7") == 0


def test_streamlit_can_still_be_given_another_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes its runtime from the class it finds under this name, once app.py was read."""
    place = "streamlit.runtime.memory_uploaded_file_manager.MemoryUploadedFileManager"
    monkeypatch.setattr(place, MemoryUploadedFileManager)
    page_uploads.install()
    import streamlit as st

    runtime = st.App(Path(__file__))._create_runtime()

    assert isinstance(runtime.uploaded_file_mgr, PageUploads)
