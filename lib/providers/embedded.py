"""The embedded model: llama.cpp of xllamacpp in a process of our own, loaded on first use.

A process, not a thread: loading holds Python's lock (0.4 s for 100 MB, seconds for a larger file),
a callback cannot stop a prompt that is still being read, and a bad file may abort the process.
"""

import contextlib
import importlib.metadata
import json
import logging
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from lib.core.chat import Done, Event, Modality, ModelInfo, Request
from lib.core.errors import BadInput, ModelMissing, NotConfigured, Unreachable
from lib.core.station import ENGINES, HostedModel, HostReport
from lib.providers.label_scores import LabelScores
from lib.providers.line import current
from lib.providers.openai_wire import OpenAIWire

log = logging.getLogger(__name__)

WHO = "The embedded model"
SLOTS = 4  # answers written at the same time; more callers wait in llama.cpp's own queue
CONTEXT_TOKENS = 4096  # per slot; memory is taken for all of them at the start
# Weights of a GGUF file as its name says: Q8_0, Q4_K_M, IQ2_XXS, BF16 …
_QUANTISATION = re.compile(
    r"(?<![A-Z0-9])(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|BF16|F16|F32|MXFP4)(?![A-Z0-9])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Wires:
    """The two ways to ask the running engine."""

    chat: OpenAIWire
    scores: LabelScores


class Embedded:
    """`model` is a GGUF file, `mmproj` the one that lets it see; `name` is what users call it."""

    name = "embedded"

    def __init__(self, model: Path, label: str, mmproj: Path | None, timeout_s: float) -> None:
        self._model, self._label, self._mmproj = model, label, mmproj
        self._reads: tuple[Modality, ...] = ("text", "image") if mmproj else ("text",)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._wires: _Wires | None = None

    def stream(self, request: Request) -> Generator[Event, None, None]:
        if request.model != self._label:
            raise ModelMissing(f"{WHO} is {self._label}, not {request.model}.")
        if request.raw and not request.choices:
            raise BadInput(f"{WHO} completes a raw prompt only with one of given choices.")
        started, cold = time.monotonic(), self._wires is None
        wires = self._loaded()
        wire = wires.scores if request.raw else wires.chat
        load_ms = (time.monotonic() - started) * 1000 if cold else None
        with contextlib.closing(wire.stream(request)) as events:
            for event in events:
                yield replace(event, load_ms=load_ms) if isinstance(event, Done) else event

    def count(self, request: Request) -> int | None:
        """As the engine counts; None as long as it is not loaded: that costs memory and seconds."""
        wires = self._wires
        if wires is None or request.model != self._label:
            return None
        if request.raw or request.modalities != {"text"}:
            return None
        return wires.chat.count(request, "/chat/completions/input_tokens", "input_tokens")

    def models(self) -> list[ModelInfo]:
        return [
            ModelInfo(
                self.name,
                self._label,
                input=self._reads,
                context_tokens=CONTEXT_TOKENS,
                scores=True,
            )
        ]

    def report(self) -> list[HostReport]:
        """The engine and its one model; asks nobody, and loads nothing."""
        process = self._process
        loaded = process is not None and process.poll() is None
        model = HostedModel(
            self._label,
            size_bytes=_size(self._model),
            quantisation=quantisation(self._model.stem),
            context_tokens=CONTEXT_TOKENS,
            input=self._reads,
            loaded=loaded,
            memory_bytes=_memory(process.pid) if process and loaded else None,
            window_tokens=CONTEXT_TOKENS if loaded else None,
        )
        version = importlib.metadata.version("xllamacpp")
        return [HostReport("this server", ENGINES[self.name], version, (model,))]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._wires:
            self._wires.chat.close()
            self._wires.scores.close()
        if self._process:
            _end(self._process)
        self._wires = self._process = None

    def _loaded(self) -> _Wires:
        """The running engine; starts it, or starts it again when it has died."""
        with self._lock:
            if self._wires and self._process and self._process.poll() is None:
                return self._wires
            self._drop()
            key, process = secrets.token_urlsafe(32), self._start()
            try:
                url = self._url(process, key)
            except BaseException:
                _end(process)
                raise
            self._process = process
            self._wires = _Wires(
                OpenAIWire(WHO, f"{url}/v1", key, self._timeout_s),
                LabelScores(WHO, url, key, self._timeout_s, CONTEXT_TOKENS),
            )
            log.info("embedded model loaded: %s", self._label)
            return self._wires

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lib.providers.llama_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            text=True,
            start_new_session=True,  # Ctrl-C is for the app, which then ends this in order
        )

    def _url(self, process: subprocess.Popen[str], key: str) -> str:
        order = {
            "model": str(self._model),
            "name": self._label,
            "mmproj": str(self._mmproj) if self._mmproj else None,
            "key": key,
            "slots": SLOTS,
            "context": SLOTS * CONTEXT_TOKENS,
        }
        line = current()
        with line.waiting(process.kill) if line else contextlib.nullcontext():
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(order), file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline() or "{}") if process.stdout else {}
        if "url" in answer:
            return str(answer["url"])
        if line and line.hung_up:
            raise Unreachable(f"{WHO} was stopped while it was loading.")
        raise NotConfigured(
            f"{WHO} could not be loaded.",
            hint="EMBEDDED_MODEL must be a GGUF file that llama.cpp can read and memory can hold.",
        )


def quantisation(name: str) -> str | None:
    """What the name of a GGUF file says of its weights; None: nothing."""
    found = _QUANTISATION.findall(name)
    return found[-1].upper() if found else None


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _memory(pid: int) -> int | None:
    """Bytes a process holds in memory, the weights it reads from their file among them.

    None where the system has no /proc.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()
    process.wait(timeout=5)
