"""A batch of which Google says odd things: it is read as far as it goes, and not for ever."""

import itertools
import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lib.core.batch import BatchAnswer, BatchState, Unkeyed
from lib.core.chat import Message, Request, Usage
from lib.core.errors import AppError, BadReply
from lib.providers.gemini_batch import MOST_PAGES, GeminiBatch
from lib.work import batch_chunk
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.batch_chunks import Chunk, quick
from tests.unit.builders import running
from tests.unit.crews import fresh

NAME = "batches/x"
COUNTED = {"promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 6}
SAID = {
    "candidates": [{"content": {"parts": [{"text": "GOOD"}]}, "finishReason": "STOP", "new": 1}],
    "usageMetadata": COUNTED,
    "modelVersion": "m",
}


@contextmanager
def google(say: Callable[[str], Any]) -> Iterator[GeminiBatch]:
    """The adapter of a Google that says whatever `say(path)` gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(say(self.path)).encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with closing(GeminiBatch("k", url, 5.0)) as provider:
            yield provider
        server.shutdown()


def ended(*answers: Any) -> Callable[[str], Any]:
    """A Google whose batch came to these answers."""
    output = {"inlinedResponses": {"inlinedResponses": list(answers)}}
    metadata = {"state": "BATCH_STATE_SUCCEEDED", "name": NAME, "output": output}
    return lambda path: {"name": NAME, "metadata": metadata, "done": True}


def answer(key: str = "k", **odd: Any) -> dict[str, Any]:
    return {"metadata": {"key": key}, "response": {**SAID, **odd}}


def answers(*said: Any) -> dict[str, BatchAnswer | AppError]:
    with google(ended(*said)) as provider:
        assert provider.look(NAME) is BatchState.SUCCEEDED
        return provider.answers(NAME)


@pytest.mark.parametrize("odd", [1e30, "x", [], {}, float("inf")])
def test_odd_counts_leave_the_answer(odd: Any) -> None:
    """It is read, and what it took is unknown; the others are counted."""
    found = answers(answer(usageMetadata=COUNTED | {"promptTokenCount": odd}), answer("other"))

    assert found["k"].text == found["other"].text == "GOOD"
    assert found["k"].usage == Usage()
    assert found["other"].usage.total_tokens == 6


@pytest.mark.parametrize("odd", [{"response": SAID | {"candidates": "x"}}, {"error": "boom"}, {}])
def test_an_odd_answer_fails_alone(odd: dict[str, Any]) -> None:
    found = answers({"metadata": {"key": "k"}, **odd}, answer("other"))

    assert isinstance(found["k"], BadReply)
    assert isinstance(found["other"], BatchAnswer)


@pytest.mark.parametrize("metadata", [{"key": 5}, ["k"], "k", None, {"key": ""}, {"key": ["k"]}])
def test_an_answer_with_an_odd_key_is_nobodys(metadata: Any) -> None:
    with google(ended(answer() | {"metadata": metadata})) as provider, pytest.raises(Unkeyed):
        provider.answers(NAME)


@pytest.mark.parametrize("state", ["BATCH_STATE_OF_TOMORROW", 5, [], None])
def test_an_unknown_state_has_not_ended(state: Any) -> None:
    """It is waited for, as long as for any other."""
    with google(lambda _: {"name": NAME, "metadata": {"state": state}}) as provider:
        assert provider.look(NAME) is BatchState.PENDING


@pytest.mark.parametrize("name", [None, "", "models/x", "batches/../x", "batches/x?y", "x", 5])
def test_a_batch_with_an_odd_name_was_not_taken(name: Any) -> None:
    """Nobody could look at it; nor is it found under ours."""
    requests = {"k": Request("m", (Message("user", "x"),))}
    listed = {"name": name, "metadata": {"displayName": "mine"}}
    with google(lambda _: listed | {"operations": [5, listed]}) as provider:
        with pytest.raises(BadReply):
            provider.submit("m", requests, "mine")
        assert provider.find("mine") is None


def test_a_list_without_end_is_read_in_part() -> None:
    """Google keeps a hundred batches; ever new pages are no reason to read for ever."""
    pages: list[str] = []

    def say(path: str) -> Any:
        pages.append(path)
        return {"operations": [], "nextPageToken": str(len(pages))}

    with google(say) as provider:
        assert provider.find("mine") is None

    assert len(pages) == MOST_PAGES


# A job over such a Google

Spoil = Callable[[str, Any], Any]


@contextmanager
def spoiled(fake: FakeServer, folder: Path, spoil: Spoil) -> Iterator[App]:
    """An app whose Google is the fake one, its JSON handed on as `spoil(method and path, json)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
            kept = {name: self.headers[name] for name in ("x-goog-api-key", "content-type")}
            headers = {name: value for name, value in kept.items() if value}
            asked = f"{self.command} {self.path}"
            ask = urllib.request.Request(fake.url + self.path, body, headers, method=self.command)
            with urllib.request.urlopen(ask, timeout=5) as answered:
                said = answered.read()
            if answered.headers.get_content_type() == "application/json":
                said = json.dumps(spoil(asked, json.loads(said))).encode()
            self.send_response(200)
            self.send_header("content-type", answered.headers["content-type"])
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with running(fake, folder, model_timeout_s=1, gemini_base_url=url) as app:
            yield app
        server.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    monkeypatch.setattr(batch_chunk, "MOST_UNREADABLE", 3)


def unreadable(times: int, call: str) -> Spoil:
    """So many looks are no answer, or so many tries to fetch the answers, each after a look."""
    bad, done = itertools.count(), itertools.count()

    def spoil(asked: str, said: Any) -> Any:
        if not (asked.startswith("GET") and "/batches/" in asked):
            return said
        if call == "answers" and not (said.get("done") and next(done) % 2):
            return said
        return [said] if next(bad) < times else said

    return spoil


@pytest.mark.parametrize("call", ["look", "answers"])
def test_a_batch_that_stays_unreadable_is_lost(fake: FakeServer, tmp_path: Path, call: str) -> None:
    """After some looks, not after a day; what it may have cost stays reserved."""
    with spoiled(fake, tmp_path, unreadable(1000, call)) as app:
        chunk = Chunk(app, fresh("good"), fresh("good"))
        with pytest.raises(AppError):
            chunk.ask()

        assert not app.batches.open(chunk.id, 0)
        assert app.ledger.month().reserved_usd > 0


@pytest.mark.parametrize("call", ["look", "answers"])
def test_a_batch_that_is_unreadable_for_a_moment_is_not(
    fake: FakeServer, tmp_path: Path, call: str
) -> None:
    with spoiled(fake, tmp_path, unreadable(2, call)) as app:
        chunk = Chunk(app, fresh("good"), fresh("good"))

        assert chunk.ask()
        assert chunk.labels == ["good", "good"]


@pytest.mark.parametrize("odd", [9 * 10**18, 10**30, 1e30, -1])
def test_absurd_counts_do_not_end_a_job(fake: FakeServer, tmp_path: Path, odd: float) -> None:
    """The labels are kept; what they took is unknown, and every sum can still be made."""

    def spoil(_asked: str, said: Any) -> Any:
        text = json.dumps(said)
        return json.loads(re.sub(r'("promptTokenCount": )\d+', rf"\g<1>{odd}", text))

    with spoiled(fake, tmp_path, spoil) as app:
        chunk = Chunk(app, fresh("good"), fresh("good"))

        assert chunk.ask()
        assert chunk.labels == ["good", "good"]
        assert chunk.job.cost_usd is None
        assert app.usage.spend().slices
        assert {row["input_tokens"] for row in app.ledger.rows()} == {None}
