"""Uploads for which the disk has no room are refused before a byte of them is read or written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from lib.core.errors import StorageFailed
from lib.store.database import Database
from lib.store.disk import LOOK_EVERY, check_room, may_fill, temporary_file, while_room
from lib.store.uploads import Uploads
from lib.web.room import Room, use_for_temporary_files

TERABYTES = 10**15


def test_some_of_the_disk_stays_free(tmp_path: Path) -> None:
    """The database must go on when uploads cannot."""
    free = shutil.disk_usage(tmp_path).free
    check_room(tmp_path, free // 100)

    with pytest.raises(StorageFailed, match="no room"):
        check_room(tmp_path, free - 10 * 2**20)


def test_a_file_too_large_for_the_disk_is_not_begun(database: Database, tmp_path: Path) -> None:
    uploads = Uploads(database, tmp_path / "uploads")
    with (tmp_path / "sparse").open("wb+") as source:
        source.truncate(2**43)  # 8 TB that take no room themselves
        with pytest.raises(StorageFailed):
            uploads.save(source)

    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_disk_that_fills_meanwhile_leaves_no_half_file(tmp_path: Path) -> None:
    """The room was there when it was looked at; /dev/full is a disk that is always full."""
    with pytest.raises(StorageFailed, match="full"), may_fill(), Path("/dev/full").open("wb") as f:
        f.write(b"x")

    with pytest.raises(FileNotFoundError), may_fill():
        (tmp_path / "nowhere").read_bytes()


def test_a_file_of_unknown_size_is_looked_after_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it may not take is the room kept for the database; half of it is not left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    disk = shutil.disk_usage(tmp_path)
    free = iter([disk.free, disk.free, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=next(free)))
    written: list[int] = []

    def write() -> None:
        with temporary_file(".csv") as file:
            for row in while_room(range(10**6), file.parent):
                written.append(file.write_text(str(row)))

    with pytest.raises(StorageFailed, match="no room"):
        write()

    assert len(written) == 2 * LOOK_EVERY
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_file_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes it may have removed it already."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def write() -> None:
        with temporary_file(".csv") as file, Path("/dev/full").open("wb") as full:
            file.unlink()
            full.write(b"x")

    with pytest.raises(StorageFailed, match="full"):
        write()


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(Room(_app, tmp_path))


@pytest.mark.parametrize("size", [0, 1, 3 * 2**20])
def test_what_fits_passes(client: TestClient, size: int) -> None:
    assert client.post("/", content=bytes(size)).text == str(size)


def test_chunks_of_unknown_number_pass_while_there_is_room(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"ab", b"c")

    assert client.post("/", content=chunks()).text == "3"


def test_what_does_not_fit_is_refused_unread(tmp_path: Path) -> None:
    """It says how much is coming; nothing of it is asked for."""

    async def unread(*_: object) -> None:
        raise AssertionError

    headers = {"Content-Length": str(TERABYTES)}
    answer = TestClient(Room(unread, tmp_path)).post("/", content=_nothing(), headers=headers)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "storage_failed"
    assert "free some space" in answer.json()["error"]["hint"]


@pytest.mark.parametrize(("free_mb", "status"), [(590, 503), (610, 200)])
def test_chunks_count_as_the_largest_body(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, free_mb: int, status: int
) -> None:
    """Nobody says how many will come: two copies of 200 MB and what is kept must fit."""
    disk = shutil.disk_usage("/")._replace(total=2**40, free=free_mb * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)

    assert client.post("/", content=iter([b"a", b"b"])).status_code == status


def _nothing() -> Iterator[bytes]:
    yield from ()


def test_temporary_files_lie_beside_the_uploads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs is the disk that is looked at; bodies that are large lie there as they come in."""
    monkeypatch.setattr("tempfile.tempdir", None)
    use_for_temporary_files(tmp_path)
    with tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == tmp_path
        assert os.stat(file.name).st_mode & 0o077 == 0
