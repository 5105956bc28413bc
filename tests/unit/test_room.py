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
from lib.store.disk import check_room, may_fill
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
