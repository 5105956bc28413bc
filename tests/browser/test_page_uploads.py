"""Files chosen on a page of the running product: where they lie, and what they cost."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.bench.visitor import log_in
from tests.browser.conftest import PASSWORD, Site, Start

MEGABYTE = 2**20


@contextmanager
def session(site: Site) -> Iterator[tuple[httpx2.Client, str]]:
    """A page that stays open: a client with its login and cookies, and where it sends its files."""
    cookie = log_in(site.url, PASSWORD)
    with httpx2.Client(base_url=site.url, headers={"Cookie": cookie}, timeout=60) as client:
        xsrf = client.get("/_stcore/health").cookies["_streamlit_xsrf"]
        both = f"{cookie}; _streamlit_xsrf={xsrf}"
        client.headers |= {"Cookie": both, "X-Xsrftoken": xsrf}
        address = site.url.replace("http", "ws", 1) + "/_stcore/stream"
        with connect(
            address, additional_headers={"Cookie": both}, subprotocols=["streamlit"], max_size=None
        ) as socket:
            socket.send(BackMsg(rerun_script={}).SerializeToString())
            while True:
                message = ForwardMsg.FromString(socket.recv(timeout=20))
                if message.WhichOneof("type") == "new_session":
                    break
            yield client, f"/_stcore/upload_file/{message.new_session.initialize.session_id}"


def used_memory(site: Site) -> int:
    """Bytes of memory that the server's process holds (Linux)."""
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def open_files(site: Site, folder: Path) -> list[str]:
    """Where the server's open files in `folder` lie."""
    links = Path(f"/proc/{site.process.pid}/fd").iterdir()
    targets = (os.readlink(link) for link in links if link.is_symlink())
    return [target for target in targets if target.startswith(str(folder))]


def until(reached: Callable[[], bool], timeout_s: float = 15) -> None:
    end = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_they_lie_on_disk_without_a_name(start: Start, tmp_path: Path) -> None:
    """Five files of 40 MB stay in no memory, can be found by no name, and end with their session.

    A client's name, here one that climbs, is nowhere part of a path.
    """
    site = start(APP_PASSWORD=PASSWORD)
    uploads = tmp_path / "data" / "uploads"
    with session(site) as (client, address):
        before = used_memory(site)
        for number in range(5):
            files = {"file": ("../../x.csv", bytes(40 * MEGABYTE))}
            assert client.put(f"{address}/{number}", files=files).status_code == 204
        until(lambda: len(open_files(site, uploads)) == 5)
        until(lambda: used_memory(site) - before < 80 * MEGABYTE)
        kept = open_files(site, uploads)
        client.delete(f"{address}/0")
        until(lambda: len(open_files(site, uploads)) == 4)

    assert all(target.endswith("(deleted)") for target in kept)
    assert list(uploads.iterdir()) == []
    assert list(tmp_path.rglob("x.csv")) == []
