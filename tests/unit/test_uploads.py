"""Uploaded files: every machine gets at them, and what a crash left behind is swept away."""

import io
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.errors import NotFound
from lib.store.database import Database
from lib.store.uploads import PART_BYTES, STALE_S, Uploads


@pytest.fixture
def uploads(database: Database, tmp_path: Path) -> Uploads:
    return Uploads(database, tmp_path / "here")


def upload(uploads: Uploads, data: bytes) -> str:
    name, path = uploads.new()
    path.write_bytes(data)
    uploads.keep(name)
    return name


def make_old(path: Path) -> None:
    then = time.time() - STALE_S - 60
    os.utime(path, (then, then))


def test_a_file_is_where_it_was_written(uploads: Uploads) -> None:
    name = upload(uploads, b"id,text\n")

    assert uploads.path(name).read_bytes() == b"id,text\n"


def test_names_are_random_and_say_nothing_of_the_file(uploads: Uploads) -> None:
    names = {upload(uploads, b"the same") for _ in range(20)}

    assert len(names) == 20
    assert all(len(name) == 32 and name.isalnum() for name in names)


@pytest.mark.parametrize("size", [1, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 17])
def test_another_machine_fetches_the_file_byte_for_byte(
    database: Database, uploads: Uploads, tmp_path: Path, size: int
) -> None:
    """It has its own folder and only the database in common. On SQLite there is one machine."""
    if database.is_sqlite:
        return
    data = os.urandom(size)
    name = upload(uploads, data)
    there = Uploads(database, tmp_path / "there")
    path = there.path(name)

    assert path.read_bytes() == data
    assert path == there.path(name) == tmp_path / "there" / name
    assert [file.name for file in path.parent.iterdir()] == [name]


def test_on_sqlite_the_folder_alone_holds_the_file(database: Database, uploads: Uploads) -> None:
    """A database file must not grow by every upload."""
    name = upload(uploads, b"data")
    uploads.path(name).unlink()

    if database.is_sqlite:
        with pytest.raises(NotFound):
            uploads.path(name)
    else:
        assert uploads.path(name).read_bytes() == b"data"


def test_a_file_that_is_gone_is_not_found_and_leaves_no_empty_one(
    uploads: Uploads, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="gone"):
        uploads.path("0" * 32)

    assert list((tmp_path / "here").iterdir()) == []


def test_a_deleted_file_is_gone_everywhere(
    database: Database, uploads: Uploads, tmp_path: Path
) -> None:
    name = upload(uploads, b"data")
    uploads.delete(name)
    for folder in ("here", "there"):
        with pytest.raises(NotFound):
            Uploads(database, tmp_path / folder).path(name)

    uploads.delete(name)


def test_old_files_of_no_job_are_swept_and_all_others_stay(uploads: Uploads) -> None:
    """A new one may be an upload whose job is just being made."""
    wanted, left_behind, new = (upload(uploads, b"data") for _ in range(3))
    for name in (wanted, left_behind):
        make_old(uploads.path(name))
    uploads.sweep([wanted])

    assert uploads.path(wanted).is_file()
    assert uploads.path(new).is_file()
    with pytest.raises(NotFound):
        uploads.path(left_behind)


def test_a_fetch_that_broke_off_is_swept_too(uploads: Uploads) -> None:
    name = upload(uploads, b"data")
    half = uploads.path(name).with_name(f"{name}.12ab34cd")
    half.write_bytes(b"da")
    make_old(half)
    uploads.sweep([name])

    assert not half.exists()
    assert uploads.path(name).read_bytes() == b"data"


def test_a_file_in_use_is_not_swept(uploads: Uploads) -> None:
    """A job may be prepared over days before it has one."""
    name = upload(uploads, b"data")
    make_old(uploads.path(name))
    found = uploads.path(name)
    uploads.sweep([])

    assert found.is_file()


def test_temporary_files_that_a_kill_left_are_swept(uploads: Uploads) -> None:
    left = uploads.folder / "tmpx1y2z3.csv"
    left.write_bytes(b"data")
    make_old(left)
    uploads.sweep([])

    assert not left.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../playground.db", "/etc/passwd", "a" * 31 + "/", "A" * 32, "0" * 33]
)
def test_no_other_name_becomes_a_path(uploads: Uploads, tmp_path: Path, name: str) -> None:
    """Whatever stands in an address, a draft or a database."""
    (tmp_path / "playground.db").touch()
    with pytest.raises(NotFound):
        uploads.path(name)
    with pytest.raises(NotFound):
        uploads.delete(name)

    assert (tmp_path / "playground.db").exists()


def test_only_this_user_can_read_them(uploads: Uploads) -> None:
    """Whatever the umask: nobody else may enter the folder."""
    before = os.umask(0)
    try:
        upload(uploads, b"data")
    finally:
        os.umask(before)

    assert uploads.folder.stat().st_mode & 0o077 == 0


def test_files_that_vanish_while_they_are_swept_are_no_matter(
    database: Database, tmp_path: Path
) -> None:
    """Another process may sweep the same folder; a link to nowhere stands for its work."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "gone").symlink_to(tmp_path / "nowhere")

    Uploads(database, tmp_path / "here").sweep([])


def test_a_folder_among_them_stays_and_stops_nobody(uploads: Uploads) -> None:
    """A disk of its own has a lost+found, and libraries make folders for temporary files."""
    for _ in range(3):
        upload(uploads, b"data")
    (uploads.folder / "lost+found").mkdir()
    for path in uploads.folder.iterdir():
        make_old(path)
    uploads.sweep([])

    assert [path.name for path in uploads.folder.iterdir()] == ["lost+found"]


def test_there_may_be_nothing_to_sweep(database: Database, tmp_path: Path) -> None:
    Uploads(database, tmp_path / "no folder yet").sweep([])


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    """As on a full disk, or when the sender hangs up."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("no more")

    with closing(Database(f"sqlite:///{tmp_path}/a.db")) as database:
        uploads = Uploads(database, tmp_path / "uploads")
        whole = uploads.save(io.BytesIO(b"text\n1\n"))
        with pytest.raises(OSError, match="no more"):
            uploads.save(Broken())

        assert uploads.path(whole).read_bytes() == b"text\n1\n"
        assert [path.name for path in (tmp_path / "uploads").iterdir()] == [whole]
