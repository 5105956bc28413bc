"""What the adapters over google-genai share: the client, how requests are written, answers read."""

from collections.abc import Iterable, Iterator
from typing import Any

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from lib.core.chat import Done, Event, Finish, Message, Request, Text, Thought, Usage
from lib.core.errors import AppError, BadReply
from lib.providers import gemini_wire
from lib.providers.wire import client2, retry_after_s

_LEVELS = {
    "off": types.ThinkingLevel.MINIMAL,
    "low": types.ThinkingLevel.LOW,
    "medium": types.ThinkingLevel.MEDIUM,
    "high": types.ThinkingLevel.HIGH,
}
_RESOLUTIONS = {
    "low": types.MediaResolution.MEDIA_RESOLUTION_LOW,
    "medium": types.MediaResolution.MEDIA_RESOLUTION_MEDIUM,
    "high": types.MediaResolution.MEDIA_RESOLUTION_HIGH,
}


class Connection:
    """The SDK's client at a REST root (None: Google's); its waits obey the current line."""

    def __init__(self, key: str, base_url: str | None, timeout_s: float) -> None:
        self._http = client2(timeout_s)
        self.client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=base_url, timeout=int(timeout_s * 1000), httpx_client=self._http
            ),
        )

    def close(self) -> None:
        self.client.close()
        self._http.close()


def content(message: Message) -> types.Content:
    """A message with its media before its text."""
    parts = [types.Part.from_bytes(data=m.data, mime_type=m.mime) for m in message.media]
    if message.text or not parts:
        parts.append(types.Part.from_text(text=message.text))
    return types.Content(role="model" if message.role == "assistant" else "user", parts=parts)


def config(request: Request) -> types.GenerateContentConfig:
    """Everything of a request but its model and its messages."""
    return types.GenerateContentConfig(
        system_instruction=request.system or None,
        max_output_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop_sequences=list(request.stop) or None,
        response_mime_type=gemini_wire.mime(request),
        response_schema=_choice(request.choices),
        response_json_schema=request.json_schema,
        thinking_config=_thinking(request),
        media_resolution=_RESOLUTIONS.get(request.media_resolution or ""),
    )


def whole(request: Request) -> dict[str, Any]:
    """The request as REST has it; everything but the system prompt is generationConfig there."""
    options = config(request)
    system = types.Content(parts=[types.Part.from_text(text=request.system)])
    return {
        "model": f"models/{request.model}",
        "contents": [_json(content(message)) for message in request.messages],
        "generationConfig": _json(options, exclude={"system_instruction"}),
        **({"systemInstruction": _json(system)} if request.system else {}),
    }


def _json(value: BaseModel, exclude: set[str] | None = None) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=exclude)


def _choice(choices: tuple[str, ...]) -> types.Schema | None:
    return types.Schema(type=types.Type.STRING, enum=list(choices)) if choices else None


def _thinking(request: Request) -> types.ThinkingConfig | None:
    if request.thinking is None:
        return None
    if request.model.startswith("gemini-2.5"):  # levels came with Gemini 3
        return types.ThinkingConfig(thinking_budget=0 if request.thinking == "off" else -1)
    return types.ThinkingConfig(
        thinking_level=_LEVELS[request.thinking], include_thoughts=request.thinking != "off"
    )


def events(chunks: Iterable[types.GenerateContentResponse]) -> Iterator[Event]:
    """What an answer says, whatever number of pieces it comes in; BadReply without a candidate."""
    reason, version, tier, answered, blocked = None, None, "standard", False, False
    for chunk in chunks:
        version = chunk.model_version or version
        tier = _tier(chunk) or tier
        blocked = blocked or bool(chunk.prompt_feedback and chunk.prompt_feedback.block_reason)
        for candidate in (chunk.candidates or [])[:1]:
            answered = True
            reason = candidate.finish_reason.name if candidate.finish_reason else reason
            yield from _pieces(candidate)
        if chunk.usage_metadata:
            yield _usage(chunk.usage_metadata)
    if not answered and not blocked:
        raise BadReply(f"{gemini_wire.WHO} answered without a candidate.")
    yield Done(Finish.REFUSED if blocked else gemini_wire.finish(reason), version, tier)


def _pieces(candidate: types.Candidate) -> Iterator[Text | Thought]:
    for part in (candidate.content.parts if candidate.content else None) or []:
        if part.text:
            yield Thought(part.text) if part.thought else Text(part.text)


def _usage(counted: types.GenerateContentResponseUsageMetadata) -> Usage:
    audio = sum(
        detail.token_count or 0
        for detail in counted.prompt_tokens_details or []
        if detail.modality == types.MediaModality.AUDIO
    )
    return gemini_wire.usage(
        counted.prompt_token_count,
        counted.candidates_token_count,
        counted.total_token_count,
        thoughts=counted.thoughts_token_count,
        cached=counted.cached_content_token_count,
        audio=audio,
    )


def _tier(chunk: types.GenerateContentResponse) -> str | None:
    """The tier Google really served, which may be below the one asked for."""
    headers = chunk.sdk_http_response.headers if chunk.sdk_http_response else None
    return (headers or {}).get("x-gemini-service-tier")


def translate(error: Exception, model: str) -> AppError | None:
    """An error of the SDK as ours; None for one that is not its own."""
    if not isinstance(error, errors.APIError):
        return None
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error", body)
    details = inner.get("details", ()) if isinstance(inner, dict) else ()
    headers = getattr(error.response, "headers", None) or {}
    if not isinstance(error.code, int):
        return BadReply(f"{gemini_wire.WHO} broke off with an error.")
    return gemini_wire.error(
        error.code, model, [d for d in details if isinstance(d, dict)], retry_after_s(headers)
    )
