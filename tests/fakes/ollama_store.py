"""What one fake Ollama has: installed models, what is loaded, downloads half done, and a library.

Facts are those of the public library; every pull takes the next of `faults`, if there is one:
cut (the connection breaks in the middle), hang, disk_full, offline (the library cannot be reached)
and old (the model needs a newer server).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.wire import Line

DEFAULT_NUM_CTX = 4096
KV_BYTES = 100_000  # memory of a token of context, about that of a small model
KEEP_ALIVE = timedelta(minutes=5)
TICK_S = 0.06  # as often a real server tells how far it is


@dataclass(frozen=True, slots=True)
class Model:
    family: str
    size: int
    parameters: str
    context: int
    capabilities: tuple[str, ...] = ("completion",)
    quantisation: str = "Q4_K_M"

    @property
    def layers(self) -> dict[str, int]:
        """Bytes by digest: the weights, and three small files."""
        small = {"template": 358, "license": 8_432, "config": 489}
        sizes = {"weights": self.size - sum(small.values()), **small}
        return {_digest(f"{self}{kind}"): size for kind, size in sizes.items()}


SEES = ("completion", "vision")
INSTALLED = {
    "gemma3:4b": Model("gemma3", 3_338_801_804, "4.3B", 131_072, SEES),
    "qwen3.5:4b": Model("qwen35", 3_389_000_000, "4.7B", 262_144, (*SEES, "thinking")),
    "llama3.2:3b": Model("llama", 2_019_393_189, "3.2B", 131_072),
}
LIBRARY = INSTALLED | {
    "gemma3:270m-it-qat": Model("gemma3", 241_410_208, "268M", 32_768, quantisation="Q4_0"),
    "gemma3:1b": Model("gemma3", 815_319_791, "1.0B", 32_768),
    "gemma3:12b": Model("gemma3", 8_149_190_253, "12.2B", 131_072, SEES),
    "gemma3:27b": Model("gemma3", 17_396_936_941, "27.4B", 131_072, SEES),
    "qwen3.5:9b": Model("qwen35", 6_600_000_000, "9.7B", 262_144, (*SEES, "thinking")),
    "qwen3.5:27b": Model("qwen35", 17_000_000_000, "27.8B", 262_144, (*SEES, "thinking")),
    "llama3.1:8b": Model("llama", 4_920_753_328, "8.0B", 131_072),
    "smollm2:135m": Model("llama", 270_898_672, "134.5M", 8_192, quantisation="F16"),
    "all-minilm:latest": Model("bert", 45_960_996, "23M", 512, ("embedding",), "F16"),
    "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M": Model(
        "llama", 807_694_464, "1.24B", 131_072
    ),
}
_NEWER = "The model you are attempting to pull requires a newer version of Ollama."
_ERRORS = {
    "missing": "pull model manifest: file does not exist",
    "old": f"pull model manifest: 412: \n\n{_NEWER}\n",
    "offline": 'pull model manifest: Get "https://library.invalid/v2/": dial tcp: no such host',
    "disk_full": "write /root/.ollama/models/blobs/sha256-SECRET-partial: no space left on device",
}


@dataclass
class Store:
    """`bytes_per_s` is how fast a pull is (0: at once); `gpu_bytes` the memory of the GPU."""

    bytes_per_s: float = 0.0
    gpu_bytes: int = 24_000_000_000
    faults: list[str] = field(default_factory=list)
    installed: dict[str, Model] = field(default_factory=lambda: dict(INSTALLED))
    windows: dict[str, int] = field(default_factory=dict)  # what is loaded, with which context
    partial: dict[str, int] = field(default_factory=dict)  # bytes there by digest

    def find(self, name: str) -> Model | None:
        return self.installed.get(self._key(name))

    def delete(self, name: str) -> bool:
        """Whether there was such a model."""
        self.unload(name)
        return self.installed.pop(self._key(name), None) is not None

    def load(self, name: str, options: dict[str, Any] | None) -> None:
        if self.find(name):
            self.windows[self._key(name)] = (options or {}).get("num_ctx") or DEFAULT_NUM_CTX

    def unload(self, name: str) -> None:
        self.windows.pop(self._key(name), None)

    def _key(self, name: str) -> str:
        return name if name in self.installed else _full(name)

    def loaded(self, name: str) -> dict[str, Any]:
        """What /api/ps says of a model beside its tag."""
        memory = self.installed[name].size + self.windows[name] * KV_BYTES
        return {
            "size": memory,
            "size_vram": min(memory, self.gpu_bytes),
            "context_length": self.windows[name],
            "expires_at": (datetime.now(UTC) + KEEP_ALIVE).isoformat(),
        }


class Pull:
    """POST /api/pull: lines of progress. What came in before a hang-up is there the next time."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, _full(name)
        self._fault = store.faults.pop(0) if store.faults else ""

    def answer(self, line: Line) -> None:
        line.start("application/x-ndjson", {})
        for said in self._lines(line):
            line.say(said)
        line.end()

    def _lines(self, line: Line) -> Iterator[dict[str, Any]]:
        yield {"status": "pulling manifest"}
        model = LIBRARY.get(self._name)
        early = "missing" if model is None else self._fault
        if early in ("missing", "old", "offline"):
            yield {"error": _ERRORS[early]}
            return
        assert model is not None
        for digest, total in model.layers.items():
            yield from self._layer(line, digest, total)
            if self._fault == "disk_full":
                yield {"error": _ERRORS["disk_full"]}
                return
        for status in ("verifying sha256 digest", "writing manifest"):
            yield {"status": status}
        self._store.installed[self._name] = model
        yield {"status": "success"}

    def _layer(self, line: Line, digest: str, total: int) -> Iterator[dict[str, Any]]:
        partial, at = self._store.partial, {"digest": digest, "total": total}
        said = {"status": f"pulling {digest[7:19]}", **at}
        yield said | {"completed": partial.get(digest, 0)}
        while (done := partial.get(digest, 0)) < total:
            rate = self._store.bytes_per_s
            line.wait(TICK_S if rate else 0)
            partial[digest] = min(total, done + (int(rate * TICK_S) or total // 2 + 1))
            yield said | {"completed": partial[digest]}
            if self._fault and partial[digest] * 2 >= total:
                self._break(line)
                return

    def _break(self, line: Line) -> None:
        if self._fault == "hang":
            line.hang()
        if self._fault == "cut":
            line.reset(b'{"status"')


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
