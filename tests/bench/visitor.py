"""A visitor without a browser: speaks Streamlit's protobuf over the page's own websocket."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Seen:
    """What one visitor saw of one answer: seconds after it was asked for, and bytes before
    compression."""

    first_s: float = 0.0
    last_s: float = 0.0
    bytes: int = 0
    messages: int = 0


def log_in(url: str, password: str) -> str:
    """The login cookie as a header's value."""
    answer = httpx2.post(f"{url}/login", data={"password": password, "next": "/"})
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


class Visitor:
    """One tab. Widgets are sent back as the browser does it: with every rerun, by their ids."""

    def __init__(self, url: str, cookie: str = "", query: str = "") -> None:
        self._url, self._cookie, self._query = url, cookie, query
        self._socket: ClientConnection | None = None
        self._chat_input = self._fragment = self._page = ""

    async def __aenter__(self) -> "Visitor":
        self._socket = await connect(
            self._url.replace("http", "ws", 1) + "/_stcore/stream",
            additional_headers={"Cookie": self._cookie} if self._cookie else None,
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
        )
        await self.rerun()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket:
            await self._socket.close()

    async def rerun(self) -> float:
        """Run the page as it is; returns the seconds until it had finished."""
        started = time.perf_counter()
        await self._send(BackMsg())
        await self._until(lambda message: message.WhichOneof("type") == "script_finished")
        return time.perf_counter() - started

    async def ask(self, text: str, first: str, last: str) -> Seen:
        """Send a prompt; watch until `first` and then `last` stand in the page."""
        assert self._chat_input, "the page has no chat input"
        message = BackMsg()
        state = WidgetState(id=self._chat_input)
        state.chat_input_value.data = text
        message.rerun_script.widget_states.widgets.append(state)
        message.rerun_script.fragment_id = self._fragment
        message.rerun_script.page_script_hash = self._page
        seen, started = Seen(), time.perf_counter()
        await self._send(message)
        assert self._socket
        async for raw in self._socket:
            assert isinstance(raw, bytes)
            seen.bytes += len(raw)
            seen.messages += 1
            if not seen.first_s and first.encode() in raw:
                seen.first_s = time.perf_counter() - started
            if seen.first_s and last.encode() in raw:
                seen.last_s = time.perf_counter() - started
                break
        await self._finish(seen)
        return seen

    async def _finish(self, seen: Seen, quiet_s: float = 1.0) -> None:
        """What still comes after the last word counts too: the page is drawn once more."""
        assert self._socket
        while True:
            try:
                raw = await asyncio.wait_for(self._socket.recv(), quiet_s)
            except TimeoutError:
                return
            seen.bytes += len(raw)
            seen.messages += 1

    async def _send(self, message: BackMsg) -> None:
        message.rerun_script.query_string = self._query
        assert self._socket
        await self._socket.send(message.SerializeToString())

    async def _until(self, over: Callable[[ForwardMsg], bool]) -> None:
        assert self._socket
        async for raw in self._socket:
            assert isinstance(raw, bytes)
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "new_session":
                self._page = message.new_session.page_script_hash
            element = message.delta.new_element
            if element.WhichOneof("type") == "chat_input":
                self._chat_input = element.chat_input.id
                self._fragment = message.delta.fragment_id
            if over(message):
                return
