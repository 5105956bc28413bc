"""The embedded model's process: loaded once, on demand, and never left behind."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.chat import Done, Text
from lib.core.errors import NotConfigured, ProviderError
from lib.providers.line import HungUp, Line
from lib.store.settings import ROOT
from tests.contract.conftest import text_of
from tests.contract.engine import LABEL, NEEDS_WEIGHTS, WEIGHTS, alive, ask, children, make, request
from tests.unit.builders import wait_until

pytestmark = NEEDS_WEIGHTS


def test_six_callers_at_first_use_load_it_once() -> None:
    """More callers than slots all get an answer, from one process that was not there before."""
    with closing(make()) as embedded, ThreadPoolExecutor(6) as pool:
        before = children()
        info = embedded.models()
        unloaded = children() - before
        asked = [
            pool.submit(ask, embedded, f"Count to {number}.", max_tokens=8) for number in range(6)
        ]
        answers = [future.result(timeout=60) for future in asked]
        now = children() - before

    assert [one.name for one in info] == [LABEL]
    assert not unloaded
    assert len(now) == 1
    assert all(text_of(answer) and isinstance(answer[-1], Done) for answer in answers)


@pytest.mark.parametrize("content", [b"this is no model", b"GGUF\x03\x00\x00\x00 cut off", b""])
def test_a_file_that_is_no_model_is_not_configured(tmp_path: Path, content: bytes) -> None:
    """A wrong file is told in our words, ends no process of ours and leaves none behind."""
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    before = children()
    with closing(make(file)) as embedded, pytest.raises(NotConfigured) as caught:
        ask(embedded, "hello")

    assert "EMBEDDED_MODEL" in caught.value.hint
    assert str(file) not in str(caught.value) + caught.value.hint
    assert children() == before


def test_a_killed_engine_is_an_error_and_then_comes_back() -> None:
    """When the engine dies in mid-answer the call fails, and the next one starts it again."""
    before = children()
    with closing(make()) as embedded:
        with closing(embedded.stream(request("Write a long story.", max_tokens=500))) as events:
            next(event for event in events if isinstance(event, Text))
            (first,) = children() - before
            os.kill(first, signal.SIGKILL)
            with pytest.raises(ProviderError):
                list(events)
        assert wait_until(lambda: not alive(first))
        again = ask(embedded, "Hello", max_tokens=4)
        (second,) = children() - before

    assert text_of(again)
    assert second != first


def test_a_reader_gone_before_loading_leaves_a_working_model() -> None:
    """A call hung up before the engine is up starts none for good and spoils no later call."""
    line = Line(60)
    line.hang_up()
    before = children()
    with closing(make()) as embedded:
        with line.held(), pytest.raises(HungUp):
            ask(embedded, "Hello", max_tokens=4)
        left = children() - before
        answer = ask(embedded, "Hello", max_tokens=4)

    assert not left
    assert text_of(answer)


def test_closing_ends_the_engine() -> None:
    """No process stays behind, and closing twice is fine."""
    before = children()
    embedded = make()
    ask(embedded, "Hello", max_tokens=2)
    (engine,) = children() - before
    embedded.close()
    embedded.close()

    assert not alive(engine)


SCRIPT = f"""
import sys, time
from pathlib import Path
from lib.core.chat import Message, Request
from lib.providers.embedded import Embedded
embedded = Embedded(Path(sys.argv[1]), {LABEL!r}, None, 60)
list(embedded.stream(Request({LABEL!r}, (Message("user", "hi"),), max_tokens=2)))
print("ready", flush=True)
list(embedded.stream(Request({LABEL!r}, (Message("user", "Write a story."),), max_tokens=2000)))
time.sleep(60)
"""


def test_the_engine_dies_with_a_killed_app() -> None:
    """Even a kill -9 of the app, in mid-answer, leaves no engine behind."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(WEIGHTS)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as app:
        try:
            assert app.stdout is not None
            assert app.stdout.readline() == "ready\n"
            (engine,) = children(app.pid)
        finally:
            app.kill()

    assert wait_until(lambda: not alive(engine), timeout_s=10)
