"""Ollama's own dialect: /api/chat as JSON lines, and the calls on its models."""

import time
from collections.abc import Callable
from typing import Any

from tests.fakes.logprobs import logprob
from tests.fakes.ollama_store import DEFAULT_NUM_CTX, Model, Pull, Store
from tests.fakes.scenario import Ask, Step
from tests.fakes.talk import Talk, retry_after
from tests.fakes.wire import Reply

PROMPT_EVAL_NS = 1000
WHEN = "2026-11-22T12:00:00.000000Z"


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


class Ollama:
    """One server's side of the dialect, with the models of its store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls: dict[str, Callable[[dict[str, Any]], Reply | Pull]] = {
            "/api/version": lambda _: Reply(200, {"version": "0.33.0"}),
            "/api/tags": self._tags,
            "/api/ps": self._ps,
            "/api/show": self._show,
            "/api/generate": self._generate,
            "/api/delete": self._delete,
            "/api/pull": lambda body: Pull(store, _name(body)),
        }

    def generation(
        self, path: str, headers: dict[str, str], query: str, body: dict[str, Any]
    ) -> Talk | None:
        """The talk of /api/chat, or None for any other path."""
        if path != "/api/chat":
            return None
        self._store.load(_name(body), body.get("options"))
        return OllamaTalk(_read_ask(body), body, self._store.find(_name(body)))

    def look_up(
        self, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> Reply | Pull | None:
        """Any other call on models, or None for a path that is not Ollama's."""
        return self._calls[path](body) if path in self._calls else None

    def _tags(self, _: dict[str, Any]) -> Reply:
        return Reply(200, {"models": [_tag(*one) for one in self._store.installed.items()]})

    def _ps(self, _: dict[str, Any]) -> Reply:
        store = self._store
        names = list(store.windows)
        found = [_tag(name, store.installed[name]) | store.loaded(name) for name in names]
        return Reply(200, {"models": found})

    def _show(self, body: dict[str, Any]) -> Reply:
        model = self._store.find(_name(body))
        if model is None:
            return _missing(body)
        length = {f"{model.family}.context_length": model.context}
        info = {"general.architecture": model.family, **length}
        shown = {"details": _details(model), "model_info": info, "modified_at": WHEN}
        return Reply(200, shown | {"capabilities": list(model.capabilities)})

    def _generate(self, body: dict[str, Any]) -> Reply:
        """Only what an empty prompt means: load, or unload at once."""
        model = self._store.find(_name(body))
        if model is None:
            return _missing(body)
        if "completion" not in model.capabilities:
            return Reply(400, {"error": f'"{_name(body)}" does not support generate'})
        leaves = body.get("keep_alive") == 0
        if leaves:
            self._store.unload(_name(body))
        else:
            self._store.load(_name(body), body.get("options"))
        said = {"model": _name(body), "created_at": WHEN, "response": "", "done": True}
        return Reply(200, said | {"done_reason": "unload" if leaves else "load"})

    def _delete(self, body: dict[str, Any]) -> Reply:
        return Reply(200, {}) if self._store.delete(_name(body)) else _missing(body)


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
        limit=(body.get("options") or {}).get("num_predict"),
    )


class OllamaTalk(Talk):
    dialect = "ollama"
    content_type = "application/x-ndjson"
    sse = False

    def __init__(self, ask: Ask, body: dict[str, Any], model: Model | None) -> None:
        super().__init__(ask)
        self._body, self._model = body, model
        self._started = time.monotonic_ns()

    def refusal(self) -> Reply | None:
        model = self._model
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
        read, written = self._prompt_tokens(), step.thoughts + step.words
        if self.ask.gpu:
            ending |= self.ask.gpu.durations(read, written)
        return ending | {"prompt_eval_count": read, "eval_count": written}

    def _prompt_tokens(self) -> int:
        """What is left of the prompt: a longer one than num_ctx is cut without a word."""
        num_ctx = (self._body.get("options") or {}).get("num_ctx") or DEFAULT_NUM_CTX
        tokens = self.ask.prompt_tokens
        return num_ctx // 2 + 2 if tokens > num_ctx else tokens


def _name(body: dict[str, Any]) -> str:
    return body.get("model") or body.get("name") or ""


def _missing(body: dict[str, Any]) -> Reply:
    return Reply(404, {"error": f"model '{_name(body)}' not found"})


def _tag(name: str, model: Model) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": WHEN,
        "size": model.size,
        "digest": next(iter(model.layers)).partition(":")[2],
        "details": _details(model),
    }


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": model.quantisation,
    }
