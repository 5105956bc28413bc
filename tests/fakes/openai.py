"""The OpenAI dialect as a vLLM server speaks it."""

from dataclasses import replace
from typing import Any

from tests.fakes.counting import fault_of, wait_s
from tests.fakes.logprobs import logprob
from tests.fakes.scenario import Ask, Step
from tests.fakes.talk import Talk, retry_after
from tests.fakes.wire import Reply

MAX_MODEL_LEN = 32_768
VERSION = "0.11.2"
BESIDE_V1 = ("/tokenize", "/version")  # vLLM's own calls
VISION = "Qwen/Qwen2.5-VL-3B-Instruct"
MODELS = (VISION, "Qwen/Qwen3-4B")

_ERRORS = {
    "rate_limited": (429, "RateLimitError", "Rate limit reached."),
    "throttled": (429, "RateLimitError", "Rate limit reached."),
    "quota": (429, "RateLimitError", "Rate limit reached."),
    "bad_request": (400, "BadRequestError", "The request is not valid."),
    "unavailable": (503, "ServiceUnavailableError", "The engine is not ready."),
    "busy": (503, "ServiceUnavailableError", "The engine is not ready."),
    "internal": (500, "InternalServerError", "EngineCore encountered an issue."),
    "timeout504": (504, "TimeoutError", "The engine did not answer in time."),
}
_FINISH = {"stop": "stop", "length": "length", "safety": "content_filter"}
_FINISH["blocked"] = _FINISH["safety"]


def generation(path: str, headers: dict[str, str], query: str, body: dict[str, Any]) -> Talk | None:
    """The talk of /v1/chat/completions, or None for any other path."""
    if path != "/v1/chat/completions":
        return None
    return OpenAITalk(_read_ask(body), headers, body)


def _read_ask(body: dict[str, Any]) -> Ask:
    messages = body.get("messages") or []
    asked = [m for m in messages if m.get("role") == "user"]
    parts = [part for message in messages for part in _parts(message)]
    schema, choices = _constraint(body)
    return Ask(
        model=body.get("model", ""),
        last=" ".join(p["text"] for p in (_parts(asked[-1]) if asked else []) if "text" in p),
        texts=tuple(part["text"] for part in parts if "text" in part),
        media=tuple("IMAGE" for part in parts if "text" not in part),
        schema=schema,
        choices=choices,
        stream=bool(body.get("stream")),
        limit=body.get("max_tokens"),
    )


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or ""
    return [{"text": content}] if isinstance(content, str) else content


def _constraint(body: dict[str, Any]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """JSON schema and allowed answers. `guided_*` is ignored, as vLLM does since 0.12."""
    outputs = body.get("structured_outputs") or {}
    wanted = body.get("response_format") or {}
    schema = outputs.get("json")
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"].get("schema", {})
    elif wanted.get("type") == "json_object":
        schema = {"type": "object"}
    return schema, tuple(outputs.get("choice") or ())


def _error(status: int, kind: str, message: str) -> Reply:
    body = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return Reply(status, body)


def _unauthorized(headers: dict[str, str]) -> Reply | None:
    bad = headers.get("authorization") == "Bearer bad"
    return Reply(401, {"error": "Unauthorized"}) if bad else None


class OpenAITalk(Talk):
    dialect = "openai"

    def __init__(self, ask: Ask, headers: dict[str, str], body: dict[str, Any]) -> None:
        super().__init__(ask)
        self._request_headers = headers
        self._body = body

    def refusal(self) -> Reply | None:
        unauthorized = _unauthorized(self._request_headers)
        if unauthorized:
            return unauthorized
        if self.ask.model not in MODELS:
            return self.error("missing")
        if self.ask.media and self.ask.model != VISION:
            return _error(400, "BadRequestError", f"{self.ask.model} is not a multimodal model")
        return None

    def error(self, fault: str) -> Reply:
        if fault == "bad_key":
            return Reply(401, {"error": "Unauthorized"})
        missing = (404, "NotFoundError", f"The model `{self.ask.model}` does not exist.")
        return replace(_error(*_ERRORS.get(fault, missing)), headers=retry_after(fault))

    def payloads(self, step: Step) -> list[Any]:
        if step.kind == "error":
            return [self.error("unavailable").body, "[DONE]"]
        role = [] if step.index else [self._chunk({"role": "assistant", "content": ""})]
        if step.kind == "thought":
            return [*role, self._chunk({self.ask.scenario.reasoning_field: step.text})]
        if step.kind in ("text", "reset"):
            chosen = self._logprobs([step.text])
            return [*role, self._chunk({"content": step.text}, None, chosen)]
        if step.kind == "empty":
            return [self._envelope("chat.completion.chunk", []), "[DONE]"]
        return [*role, self._chunk({}, _FINISH[step.kind]), *self._last(step), "[DONE]"]

    def whole(self, thoughts: str, text: str, last: Step | None) -> Any:
        choice = {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": text or None,
                **({self.ask.scenario.reasoning_field: thoughts} if thoughts else {}),
            },
            "logprobs": self._logprobs([s.text for s in self.ask.steps if s.kind == "text"]),
            "finish_reason": _FINISH.get(last.kind) if last else None,
        }
        empty = last is not None and last.kind == "empty"
        answer = self._envelope("chat.completion", [] if empty else [choice])
        return answer | ({"usage": self._usage(last)} if last and self._counts() else {})

    def _last(self, step: Step) -> list[Any]:
        """The usage chunk, sent only when it was asked for."""
        asked = (self._body.get("stream_options") or {}).get("include_usage")
        if not asked or not self._counts():
            return []
        return [self._envelope("chat.completion.chunk", []) | {"usage": self._usage(step)}]

    def _counts(self) -> bool:
        return self.ask.scenario.fault != "no_usage"

    def _usage(self, step: Step) -> dict[str, Any]:
        prompt, said = self.ask.prompt_tokens, step.thoughts + step.words
        usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": said}
        usage["total_tokens"] = prompt + said
        if self.ask.scenario.cached:
            usage["prompt_tokens_details"] = {"cached_tokens": self.ask.scenario.cached}
        if step.thoughts:
            usage["completion_tokens_details"] = {"reasoning_tokens": step.thoughts}
        return usage

    def _chunk(self, delta: dict[str, str], finish: str | None = None, chosen: Any = None) -> Any:
        choice = {"index": 0, "delta": delta, "logprobs": chosen, "finish_reason": finish}
        return self._envelope("chat.completion.chunk", [choice])

    def _envelope(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        model = self.ask.model
        return {
            "id": "chatcmpl-1",
            "object": kind,
            "created": 1,
            "model": model,
            "choices": choices,
        }

    def _logprobs(self, words: list[str]) -> dict[str, Any] | None:
        if not self._body.get("logprobs"):
            return None
        return {"content": [logprob(w, self._body.get("top_logprobs") or 0) for w in words]}


def look_up(path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply | None:
    """The list of models, the count of a prompt and the version, or None for any other path."""
    if path == "/version":
        return Reply(200, {"version": VERSION})
    if path == "/tokenize":
        return _unauthorized(headers) or _count(_read_ask(body))
    if path != "/v1/models":
        return None
    card = {"object": "model", "created": 1, "owned_by": "vllm", "max_model_len": MAX_MODEL_LEN}
    models = [{"id": name, "root": name, **card} for name in MODELS]
    return _unauthorized(headers) or Reply(200, {"object": "list", "data": models})


def _count(ask: Ask) -> Reply:
    """As vLLM: beside the count come the tokens themselves and the model's window."""
    fault = fault_of(ask)
    if fault == "missing":
        return Reply(404, {"detail": "Not Found"})  # a server that has no such call
    if fault == "internal" or ask.model not in MODELS:
        missing = (404, "NotFoundError", f"The model `{ask.model}` does not exist.")
        return _error(*_ERRORS.get(fault, missing))
    tokens = ask.prompt_tokens
    body = {"count": tokens, "max_model_len": MAX_MODEL_LEN, "tokens": list(range(tokens))}
    return Reply(200, body, after_s=wait_s(ask))
