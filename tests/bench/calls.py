"""CPU of one call through the door (measured, priced, in the ledger) ÷ the bare SDK's call."""

import time
from collections.abc import Callable
from pathlib import Path

from lib.core.chat import Message, Request
from lib.work.app import build
from lib.work.ask import ask
from tests.api.conftest import settings_for
from tests.fakes import FakeServer

CALLS = 300
MODEL = "gemini-3.1-flash-lite"


def cpu_ms(call: Callable[[], object]) -> float:
    """Milliseconds of this thread's CPU for one call, after a warm-up."""
    for _ in range(10):
        call()
    started = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - started) / CALLS * 1000


def cpu_per_call(folder: Path) -> list[str]:
    request = Request(MODEL, (Message("user", "one two three"),), stream=False)
    lines = []
    with FakeServer() as fake:
        for sdk in ("google-genai", "google-generativeai"):
            app = build(settings_for(fake, folder, gemini_sdk=sdk))
            choice = app.models.find(f"gemini/{MODEL}")
            bare = cpu_ms(lambda: list(choice.provider.stream(request)))  # noqa: B023
            ours = cpu_ms(lambda: list(ask(app, choice, request, "chat")))  # noqa: B023
            app.close()
            lines.append(
                f"CPU per call, {sdk}: {ours:.2f} ms through the door, {bare:.2f} ms adapter alone"
                f" = {ours / bare:.2f}"
            )
    return lines
