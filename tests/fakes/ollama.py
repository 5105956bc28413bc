"""Ollama's own dialect: /api/chat as JSON lines, and the calls that describe its models."""

import time
from dataclasses import dataclass
from typing import Any

from tests.fakes.logprobs import logprob
from tests.fakes.scenario import Ask, Step
from tests.fakes.talk import Talk, retry_after
from tests.fakes.wire import Reply

DEFAULT_NUM_CTX = 4096
PROMPT_EVAL_NS = 1000
WHEN = "2026-11-22T12:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class Model:
    family: str
    size: int
    parameters: str
    context: int
    capabilities: tuple[str, ...]


MODELS = {
    "gemma3:4b": Model("gemma3", 3_338_801_804, "4.3B", 131_072, ("completion", "vision")),
    "qwen3.5:4b": Model(
        "qwen35", 3_389_000_000, "4.7B", 262_144, ("completion", "vision", "thinking")
    ),
    "llama3.2:3b": Model("llama", 2_019_393_189, "3.2B", 131_072, ("completion",)),
}
_ERRORS = {
    "rate_limited": (429, "too many requests"),
    "throttled": (429, "too many requests"),
    "quota": (429, "too many requests"),
    "bad_key": (401, "unauthorized"),
    "bad_request": (400, "invalid options"),
    "unavailable": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "busy": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "internal": (500, "llama runner process has terminated: exit status 2"),
    "timeout504": (504, "timed out waiting for llama runner to start"),
}
_REASONS = {"length": "length"}


def generation(path: str, headers: dict[str, str], query: str, body: dict[str, Any]) -> Talk | None:
    """The talk of /api/chat, or None for any other path."""
    return OllamaTalk(_read_ask(body), body) if path == "/api/chat" else None


def _read_ask(body: dict[str, Any]) -> Ask:
    messages = body.get("messages") or []
    asked = [m.get("content", "") for m in messages if m.get("role") == "user"]
    wanted = body.get("format")
    schema = wanted if isinstance(wanted, dict) else None
    if wanted == "json":
        schema = {"type": "object"}
    return Ask(
        model=body.get("model", ""),
        last=asked[-1] if asked else "",
        texts=tuple(m.get("content", "") for m in messages),
        media=tuple("IMAGE" for m in messages for _ in m.get("images") or ()),
        schema=schema,
        stream=body.get("stream", True),
    )


class OllamaTalk(Talk):
    dialect = "ollama"
    content_type = "application/x-ndjson"
    sse = False

    def __init__(self, ask: Ask, body: dict[str, Any]) -> None:
        super().__init__(ask)
        self._body = body
        self._started = time.monotonic_ns()

    def refusal(self) -> Reply | None:
        model = MODELS.get(self.ask.model)
        if model is None:
            return self.error("missing")
        if self.ask.media and "vision" not in model.capabilities:
            return Reply(400, {"error": "this model does not support image input"})
        if self._body.get("think") and "thinking" not in model.capabilities:
            return Reply(400, {"error": f'"{self.ask.model}" does not support thinking'})
        return None

    def error(self, fault: str) -> Reply:
        status, text = _ERRORS.get(fault, (404, f"model '{self.ask.model}' not found"))
        return Reply(status, {"error": text}, retry_after(fault))

    def payloads(self, step: Step) -> list[Any]:
        if step.kind == "error":
            return [{"error": "an error was encountered while running the model"}]
        if step.kind == "thought":
            return [self._line({"content": "", "thinking": step.text})]
        if step.kind in ("text", "reset"):
            return [self._line({"content": step.text}) | self._logprobs([step.text])]
        return [self._line({"content": ""}) | self._ending(step)]

    def whole(self, thoughts: str, text: str, last: Step | None) -> Any:
        message = {"content": text} | ({"thinking": thoughts} if thoughts else {})
        words = [step.text for step in self.ask.steps if step.kind == "text"]
        ending = self._ending(last) if last else {}
        return self._line(message) | self._logprobs(words) | ending

    def wrap(self, text: str, step: Step) -> str:
        return text + "\n"

    def _line(self, message: dict[str, str]) -> dict[str, Any]:
        message = {"role": "assistant", **message}
        return {"model": self.ask.model, "created_at": WHEN, "message": message, "done": False}

    def _logprobs(self, words: list[str]) -> dict[str, Any]:
        if not self._body.get("logprobs"):
            return {}
        return {"logprobs": [logprob(w, self._body.get("top_logprobs") or 0) for w in words]}

    def _ending(self, step: Step) -> dict[str, Any]:
        """The final line's fields; durations are nanoseconds of this very call."""
        load = int(self.ask.scenario.slow_s * 1e9) + 1
        total = time.monotonic_ns() - self._started + PROMPT_EVAL_NS + 2
        ending = {
            "done": True,
            "done_reason": _REASONS.get(step.kind, "stop"),
            "total_duration": total,
            "load_duration": load,
            "prompt_eval_duration": PROMPT_EVAL_NS,
            "eval_duration": max(1, total - load - PROMPT_EVAL_NS),
        }
        if self.ask.scenario.fault == "no_usage":
            return ending
        tokens = step.thoughts + step.words
        return ending | {"prompt_eval_count": self._prompt_tokens(), "eval_count": tokens}

    def _prompt_tokens(self) -> int:
        """What is left of the prompt: a longer one than num_ctx is cut without a word."""
        num_ctx = (self._body.get("options") or {}).get("num_ctx") or DEFAULT_NUM_CTX
        tokens = self.ask.prompt_tokens
        return num_ctx // 2 + 2 if tokens > num_ctx else tokens


def look_up(path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply | None:
    """tags, version, ps and show, or None for any other path."""
    if path == "/api/version":
        return Reply(200, {"version": "0.33.0"})
    if path == "/api/tags":
        return Reply(200, {"models": [_tag(name) for name in MODELS]})
    if path == "/api/ps":
        name = next(iter(MODELS))
        loaded = {"size_vram": MODELS[name].size, "context_length": 4096, "expires_at": WHEN}
        return Reply(200, {"models": [_tag(name) | loaded]})
    if path == "/api/show":
        return _show(body.get("model") or body.get("name") or "")
    return None


def _show(name: str) -> Reply:
    model = MODELS.get(name)
    if model is None:
        return Reply(404, {"error": f"model '{name}' not found"})
    info = {"general.architecture": model.family, f"{model.family}.context_length": model.context}
    shown = {"details": _details(model), "model_info": info, "modified_at": WHEN}
    return Reply(200, shown | {"capabilities": list(model.capabilities)})


def _tag(name: str) -> dict[str, Any]:
    model = MODELS[name]
    digest = f"{abs(model.size):064x}"
    return {
        "name": name,
        "model": name,
        "modified_at": WHEN,
        "size": model.size,
        "digest": digest,
        "details": _details(model),
    }


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": "Q4_K_M",
    }
