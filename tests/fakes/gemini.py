"""Gemini's REST dialect: server-sent events for google-genai, a JSON array for the retired SDK."""

import re
from collections import Counter
from typing import Any
from urllib.parse import unquote

from tests.fakes.counting import fault_of, wait_s
from tests.fakes.gemini_errors import BAD_KEY, gemini_error
from tests.fakes.labels import choices_of
from tests.fakes.scenario import MEDIA_TOKENS, Ask, Step
from tests.fakes.talk import Talk
from tests.fakes.wire import Reply

MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-3-flash-preview",
    "gemini-3.1-flash-lite",
    "gemini-3.1-pro-preview",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-9-unpriced",  # nobody has a price for it
    "gemini-3.8-flash",
    "gemini-4-argon",
)
ALIASES = {
    "gemini-flash-lite-latest": "gemini-3.5-flash-lite",
    "gemini-flash-latest": "gemini-3.8-flash",
}
PATH = re.compile(r"/(v1|v1beta)/models/([^/:]+):(\w+)")
GENERATE = ("generateContent", "streamGenerateContent")

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "safety": "SAFETY"}
_MODALITIES = {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO"}
_NUMBERS = {
    "finishReason": {"STOP": 1, "MAX_TOKENS": 2, "SAFETY": 3},
    "blockReason": {"SAFETY": 1},
    "modality": {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4, "DOCUMENT": 5},
}


def known(model: str) -> bool:
    return model in MODELS or model in ALIASES


def either(values: dict[str, Any], name: str) -> Any:
    """A field by its camelCase or its snake_case name: Google reads both, its clients send both."""
    return values.get(name, values.get(re.sub(r"([A-Z])", r"_\1", name).lower()))


def read_ask(model: str, body: dict[str, Any], stream: bool) -> Ask:
    """The request as all dialects have it; `body` in JSON form."""
    contents = body.get("contents", [])
    system = either(body, "systemInstruction") or {}
    config = either(body, "generationConfig") or {}
    parts = [part for content in [system, *contents] for part in content.get("parts", [])]
    asked = [c for c in contents if c.get("role", "user") == "user"]
    last = asked[-1].get("parts", []) if asked else []
    schema = either(config, "responseJsonSchema") or either(config, "responseSchema")
    form, choices = either(config, "responseMimeType"), ()
    if schema and form == "text/x.enum":
        schema, choices = None, choices_of(schema)
    elif schema is None and form == "application/json":
        schema = {"type": "object"}
    return Ask(
        model=model,
        last=" ".join(part["text"] for part in last if "text" in part),
        texts=tuple(part["text"] for part in parts if "text" in part),
        media=tuple(_modality(part) for part in parts if "text" not in part),
        schema=schema,
        choices=choices,
        stream=stream,
    )


def _modality(part: dict[str, Any]) -> str:
    blob = either(part, "inlineData") or either(part, "fileData") or {}
    return _MODALITIES.get((either(blob, "mimeType") or "").partition("/")[0], "DOCUMENT")


def usage(ask: Ask, step: Step) -> dict[str, Any]:
    """usageMetadata as Google's: zero counts are left out, the first chunk has no candidates."""
    details = {"TEXT": ask.text_tokens} | {
        name: count * MEDIA_TOKENS for name, count in Counter(ask.media).items()
    }
    counts = {
        "candidatesTokenCount": step.words if step.index else 0,
        "thoughtsTokenCount": step.thoughts,
        "cachedContentTokenCount": ask.scenario.cached,
    }
    return {
        "promptTokenCount": ask.prompt_tokens,
        **{name: count for name, count in counts.items() if count},
        "totalTokenCount": ask.prompt_tokens + step.thoughts + counts["candidatesTokenCount"],
        "promptTokensDetails": [{"modality": m, "tokenCount": n} for m, n in details.items()],
    }


def response(ask: Ask, parts: list[dict[str, Any]], step: Step | None) -> dict[str, Any]:
    """A GenerateContentResponse. `step` gives the counts and the end; None: cut off."""
    kind = step.kind if step else "text"
    result: dict[str, Any] = {}
    if kind == "empty":
        result["candidates"] = []
    elif kind == "blocked":
        result["promptFeedback"] = {"blockReason": "SAFETY"}
    else:
        result["candidates"] = [_candidate(parts, kind)]
    if step and ask.scenario.fault != "no_usage":
        result["usageMetadata"] = usage(ask, step)
    return result | {"modelVersion": ALIASES.get(ask.model, ask.model), "responseId": "fake-1"}


def _candidate(parts: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if kind != "safety":
        candidate["content"] = {"role": "model"} | ({"parts": parts} if parts else {})
    if kind in _FINISH:
        candidate["finishReason"] = _FINISH[kind]
    return candidate


def chunk(ask: Ask, step: Step) -> dict[str, Any]:
    """One response of a stream."""
    parts = {"thought": [{"text": step.text, "thought": True}], "stop": [{"text": ""}]}
    text = [{"text": step.text}] if step.text else []
    return response(ask, parts.get(step.kind, text), step)


def whole_response(ask: Ask, thoughts: str, text: str, last: Step | None) -> dict[str, Any]:
    """The answer in one piece; usage counts even a first and only step."""
    parts = [{"text": thoughts, "thought": True}] if thoughts else []
    parts += [{"text": text}] if text else []
    if last:
        last = Step(last.kind, "", last.index + 1, last.thoughts, last.words)
    return response(ask, parts, last)


class GeminiTalk(Talk):
    dialect = "gemini"

    def __init__(
        self, ask: Ask, headers: dict[str, str], query: str, body: dict[str, Any], version: str
    ) -> None:
        super().__init__(ask)
        query = unquote(query)
        self._version = version
        self._key = headers.get("x-goog-api-key")
        self._numbers = "enum-encoding=int" in query
        self.sse = "alt=sse" in query
        self.content_type = "text/event-stream" if self.sse else "application/json"
        tier = str(either(body, "serviceTier") or "standard").lower()
        # Priority is downgraded, as Google does silently when it has no room for it.
        self.headers = {"x-gemini-service-tier": "standard" if tier == "priority" else tier}

    def refusal(self) -> Reply | None:
        if self._key == BAD_KEY:
            return self.error("bad_key")
        return None if known(self.ask.model) else self.error("missing")

    def error(self, fault: str) -> Reply:
        body = gemini_error(fault, self.ask.model, self._version)
        status = body["error"]["code"]
        # A stream that is not SSE is a JSON array, its errors included.
        return Reply(status, [body] if self.ask.stream and not self.sse else body)

    def payloads(self, step: Step) -> list[Any]:
        if step.kind == "error":
            return [gemini_error("unavailable", self.ask.model, self._version)]
        return [self._encoded(chunk(self.ask, step))]

    def whole(self, thoughts: str, text: str, last: Step | None) -> Any:
        return self._encoded(whole_response(self.ask, thoughts, text, last))

    def wrap(self, text: str, step: Step) -> str:
        if self.sse:
            return f"data: {text}\r\n\r\n"
        opening = ",\r\n" if step.index else "["
        ended = step is self.ask.steps[-1] and step.kind != "broken"
        return f"{opening}{text}{']' if ended else ''}"

    def _encoded(self, value: Any) -> Any:
        return as_numbers(value) if self._numbers else value


def as_numbers(value: Any) -> Any:
    """The same JSON with enums as integers (enum-encoding=int)."""
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _NUMBERS[key][item] if key in _NUMBERS else as_numbers(item)
        for key, item in value.items()
    }


def generation(path: str, headers: dict[str, str], query: str, body: dict[str, Any]) -> Talk | None:
    """The talk of a generation path, or None for any other path."""
    match = PATH.fullmatch(path)
    if not match or match[3] not in GENERATE:
        return None
    ask = read_ask(unquote(match[2]), body, stream=match[3] == "streamGenerateContent")
    return GeminiTalk(ask, headers, query, body, match[1])


def look_up(path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply | None:
    """countTokens and the list of models, or None for any other path."""
    match = PATH.fullmatch(path)
    listed = re.fullmatch(r"/(v1|v1beta)/models(?:/([^/:]+))?", path)
    if headers.get("x-goog-api-key") == BAD_KEY and (match or listed):
        return Reply(400, gemini_error("bad_key"))
    if match and match[3] == "countTokens":
        return _count(unquote(match[2]), body)
    if listed and listed[2] is None:
        return Reply(200, {"models": [_model(name) for name in (*MODELS, *ALIASES)]})
    if listed and known(listed[2]):
        return Reply(200, _model(listed[2]))
    return Reply(404, gemini_error("missing", listed[2], listed[1])) if listed else None


def _count(model: str, body: dict[str, Any]) -> Reply:
    """Of contents alone, or of a whole request that names its model; never of both."""
    whole = either(body, "generateContentRequest")
    if (whole is None) == ("contents" not in body) or (whole and not whole.get("model")):
        return Reply(400, gemini_error("bad_request"))
    ask = read_ask(model, whole or body, stream=False)
    fault = fault_of(ask)
    if not known(model) or fault in ("missing", "internal"):
        fault = fault or "missing"
        return Reply(500 if fault == "internal" else 404, gemini_error(fault, model))
    return Reply(200, {"totalTokens": ask.prompt_tokens}, after_s=wait_s(ask))


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }
