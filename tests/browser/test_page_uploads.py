"""Files chosen on a page of the running product: how much memory they can take, and how long."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.bench.visitor import log_in
from tests.browser.conftest import PASSWORD, Site, Start

MEGABYTE = 2**20
SIZE = 40 * MEGABYTE
LARGEST = {"MAX_UPLOAD_MB": "60", "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "60"}


class Visit:
    """The Classify page, open; its file uploader can be given files, as a browser does it."""

    def __init__(self, client: httpx2.Client, socket: ClientConnection) -> None:
        self._client, self._socket = client, socket
        self._session = self._uploader = ""
        self._run(BackMsg())

    def send(self, name: str, data: bytes) -> int:
        """Upload a file; returns the answer's status."""
        place = f"/_stcore/upload_file/{self._session}/{name}"
        return self._client.put(place, files={"file": (f"{name}.csv", data)}).status_code

    def remove(self, name: str) -> None:
        self._client.delete(f"/_stcore/upload_file/{self._session}/{name}")

    def choose(self, *names: str) -> None:
        """Let the page run with these files in its uploader, and wait until it has."""
        message = BackMsg()
        widget = message.rerun_script.widget_states.widgets.add(id=self._uploader)
        for name in names:
            file = widget.file_uploader_state_value.uploaded_file_info.add()
            file.file_id, file.name = name, f"{name}.csv"
        self._run(message)

    def _run(self, message: BackMsg) -> None:
        message.rerun_script.page_name = "classify"
        self._socket.send(message.SerializeToString())
        while True:
            got = ForwardMsg.FromString(self._socket.recv(timeout=30))
            kind = got.WhichOneof("type")
            if kind == "new_session":
                self._session = got.new_session.initialize.session_id
            if kind == "delta" and got.delta.new_element.HasField("file_uploader"):
                self._uploader = got.delta.new_element.file_uploader.id
            if (
                kind == "script_finished"
                and got.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                return


@contextmanager
def visiting(site: Site) -> Iterator[Visit]:
    cookie = log_in(site.url, PASSWORD)
    with httpx2.Client(base_url=site.url, headers={"Cookie": cookie}, timeout=60) as client:
        xsrf = client.get("/_stcore/health").cookies["_streamlit_xsrf"]
        both = f"{cookie}; _streamlit_xsrf={xsrf}"
        client.headers |= {"Cookie": both, "X-Xsrftoken": xsrf}
        address = site.url.replace("http", "ws", 1) + "/_stcore/stream"
        with connect(
            address, additional_headers={"Cookie": both}, subprotocols=["streamlit"], max_size=None
        ) as socket:
            yield Visit(client, socket)


def used_memory(site: Site) -> int:
    """Bytes of memory that the server's process holds (Linux)."""
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def until(reached: Callable[[], bool], timeout_s: float = 15) -> None:
    end = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_their_memory_is_bounded_also_while_a_page_holds_them(start: Start) -> None:
    """A page that ran with them costs no second copy; many sessions no more than their bound."""
    site = start(APP_PASSWORD=PASSWORD, **LARGEST)
    with visiting(site) as one, visiting(site) as two, visiting(site) as three:
        before = used_memory(site)
        assert [one.send(name, bytes(SIZE)) for name in "abcd"] == [204, 204, 204, 413]
        one.choose("a", "b", "c")  # several that are no pictures: the page complains and keeps them
        until(lambda: used_memory(site) - before < 3.5 * SIZE)
        assert [two.send(name, bytes(SIZE)) for name in "abc"] == [204, 204, 204]
        two.choose("a", "b", "c")
        assert three.send("a", bytes(SIZE)) == 503
        until(lambda: used_memory(site) - before < 6.5 * SIZE)
        one.remove("a")

        assert three.send("a", bytes(SIZE)) == 204


def test_a_file_that_a_page_took_leaves_the_memory(start: Start, tmp_path: Path) -> None:
    """It lies beside its draft then; a session can go on for ever."""
    site = start(APP_PASSWORD=PASSWORD, **LARGEST)
    data = b"text\n" + (b"x" * 999 + b"\n") * (SIZE // 1000)
    with visiting(site) as one:
        before = used_memory(site)
        assert [one.send(name, data) for name in "abc"] == [204, 204, 204]
        one.choose("a")
        stored = [f.stat().st_size for f in (tmp_path / "data" / "uploads").iterdir()]

        assert len(data) in stored
        assert one.send("d", data) == 204
        for name in "bcd":
            one.remove(name)
        until(lambda: used_memory(site) - before < 0.7 * SIZE)
