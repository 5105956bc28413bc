"""Streamlit's store of uploaded files, with the bytes on disk."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from lib.web import page_uploads
from lib.web.page_uploads import MOST_FILES, PageUploads
from lib.web.room import use_for_temporary_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", None)  # put back afterwards
    use_for_temporary_files(tmp_path)
    return tmp_path


@pytest.fixture
def uploads(folder: Path) -> Iterator[PageUploads]:
    yield PageUploads("/upload")
    _written()


def _written() -> None:
    """Wait until the background has written what there is."""
    page_uploads._writer.submit(lambda: None).result(timeout=10)


def record(name: str, data: bytes) -> UploadedFileRec:
    return UploadedFileRec(name, f"{name}.csv", "text/csv", data)


@pytest.mark.parametrize("size", [0, 1, 4096, 1_000_001])
def test_a_page_gets_the_bytes_that_were_sent(uploads: PageUploads, size: int) -> None:
    """At once, and again when they have left the memory."""
    data = b"x" * size
    uploads.add_file("session", record("a", data))
    at_once = uploads.get_files("session", ["a"])
    _written()
    later = uploads.get_files("session", ["a", "none"])

    assert at_once == later == [record("a", data)]


def test_a_file_sent_again_is_the_new_one(uploads: PageUploads) -> None:
    for data in (b"old", b"new"):
        uploads.add_file("session", record("a", data))

    assert uploads.get_files("session", ["a"])[0].data == b"new"


def test_sessions_are_apart_and_end_with_their_files(uploads: PageUploads) -> None:
    uploads.add_file("one", record("a", b"1"))
    uploads.add_file("two", record("a", b"2"))
    uploads.remove_session_files("one")
    uploads.remove_file("two", "b")

    assert uploads.get_files("one", ["a"]) == []
    assert uploads.get_files("two", ["a"])[0].data == b"2"


def test_streamlit_counts_the_bytes_as_before(uploads: PageUploads) -> None:
    uploads.add_file("session", record("a", bytes(1234)))
    [stats] = uploads.get_stats().values()

    assert [stat.byte_length for stat in stats] == [1234]


def test_a_disk_that_takes_nothing_leaves_them_in_memory(
    uploads: PageUploads, folder: Path
) -> None:
    """A page whose disk fails loses no file that was already sent."""
    use_for_temporary_files(folder / "gone")
    uploads.add_file("session", record("a", b"data"))
    _written()

    assert uploads.get_files("session", ["a"])[0].data == b"data"


def test_the_files_of_a_session_are_bounded(uploads: PageUploads) -> None:
    """Streamlit takes any name for a file: without a bound, file descriptors run out."""
    for number in range(MOST_FILES):
        uploads.add_file("session", record(str(number), b""))

    with pytest.raises(HTTPException) as refused:
        uploads.add_file("session", record("one more", b""))

    assert refused.value.status_code == 413


def test_nobody_waits_for_the_disk(uploads: PageUploads) -> None:
    """Streamlit hands the file over on its event loop, which serves everybody."""
    data = bytes(50 * 2**20)
    begun = time.perf_counter()
    uploads.add_file("session", record("a", data))

    assert time.perf_counter() - begun < 0.01


def test_streamlit_can_still_be_given_another_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes its runtime from the class it finds under this name, once app.py was read."""
    place = "streamlit.runtime.memory_uploaded_file_manager.MemoryUploadedFileManager"
    monkeypatch.setattr(place, MemoryUploadedFileManager)
    page_uploads.install()
    import streamlit as st

    runtime = st.App(Path(__file__))._create_runtime()

    assert isinstance(runtime.uploaded_file_mgr, PageUploads)
