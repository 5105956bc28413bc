"""The embedded model's real engine: how to make one, ask it, and find its processes."""

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Event, Message, Request
from lib.providers.embedded import Embedded
from lib.store.settings import Settings

LABEL = "smollm2-135m"
WEIGHTS = Settings(embedded_model=None, _env_file=None).embedded_file
CHILD = "lib.providers.llama_server"
NEEDS_WEIGHTS = pytest.mark.skipif(WEIGHTS is None, reason="the weights are not installed")


def make(file: Path | None = WEIGHTS) -> Embedded:
    assert file is not None
    return Embedded(file, LABEL, None, timeout_s=60)


def request(text: str, **options: Any) -> Request:
    return Request(LABEL, (Message("user", text),), **({"temperature": 0.0} | options))


def ask(embedded: Embedded, text: str, **options: Any) -> list[Event]:
    return list(embedded.stream(request(text, **options)))


def first_token_s(embedded: Embedded, text: str) -> float:
    """Seconds until the prompt is read; a wordless answer begins with its count."""
    started = time.monotonic()
    with closing(embedded.stream(request(text, max_tokens=2))) as events:
        next(events)
        return time.monotonic() - started


def children(parent: int | None = None) -> set[int]:
    """The engines that are alive under a process, by /proc."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, above = (folder / "stat").read_text().rpartition(") ")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if int(above) == (parent or os.getpid()) and state != "Z" and CHILD in command:
            found.add(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process, child or not, still runs; a zombie does while it has other threads."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        return state != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False
