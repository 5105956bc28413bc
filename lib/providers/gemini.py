"""Gemini through google-genai: streaming, thinking levels, JSON schemas, every kind of media."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from lib.core.chat import Done, Event, Finish, Message, ModelInfo, Request, Text, Thought, Usage
from lib.core.errors import AppError, BadReply, ModelMissing
from lib.providers import gemini_wire
from lib.providers.line import Line
from lib.providers.wire import client2, our_errors, retry_after_s

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


class Gemini:
    """`base_url` is the REST root (None: Google's); `known` are the models the catalogue lists."""

    name = "gemini"

    def __init__(
        self, key: str, base_url: str | None, timeout_s: float, known: list[ModelInfo]
    ) -> None:
        self._known = known
        self._http = client2(timeout_s)
        self._client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=base_url, timeout=int(timeout_s * 1000), httpx_client=self._http
            ),
        )

    def stream(self, request: Request) -> Generator[Event, None, None]:
        gemini_wire.check(request)
        with our_errors(gemini_wire.WHO, request.model, _translate):
            yield from _events(self._chunks(request))

    def _chunks(self, request: Request) -> Iterator[types.GenerateContentResponse]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "contents": [_content(message) for message in request.messages],
            "config": _config(request),
        }
        if not request.stream:
            yield self._client.models.generate_content(**arguments)
            return
        stream: Any = self._client.models.generate_content_stream(**arguments)
        with closing(stream):
            yield from stream

    def count(self, request: Request) -> int:
        """As Google counts it, system prompt and schema included.

        Google's REST API counts a whole request, but this SDK hands it no system prompt («only
        supported in Gemini Enterprise Agent Platform mode»). So the request goes in its extra body.
        """
        options = types.HttpOptions(
            timeout=int(gemini_wire.LOOK_UP_S * 1000),
            extra_body={"generateContentRequest": _whole(request)},
        )
        nothing: Any = None  # Google takes either contents or a request
        with (
            Line(gemini_wire.LOOK_UP_S).held(),
            our_errors(gemini_wire.WHO, request.model, _translate),
        ):
            counted = self._client.models.count_tokens(
                model=request.model,
                contents=nothing,
                config=types.CountTokensConfig(http_options=options),
            )
        if counted.total_tokens is None:
            raise BadReply(f"{gemini_wire.WHO} counted without a number.")
        return counted.total_tokens

    def models(self) -> list[ModelInfo]:
        return self._known

    def has(self, name: str) -> bool:
        """Whether Google knows a model; asks, at no cost. What it does not deny is taken for so."""
        try:
            with Line(gemini_wire.LOOK_UP_S).held(), our_errors(gemini_wire.WHO, name, _translate):
                self._client.models.get(model=name)
        except ModelMissing:
            return False
        except AppError:
            return True
        return True

    def close(self) -> None:
        self._client.close()
        self._http.close()


def _content(message: Message) -> types.Content:
    parts = [types.Part.from_bytes(data=m.data, mime_type=m.mime) for m in message.media]
    if message.text or not parts:
        parts.append(types.Part.from_text(text=message.text))
    return types.Content(role="model" if message.role == "assistant" else "user", parts=parts)


def _config(request: Request) -> types.GenerateContentConfig:
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


def _whole(request: Request) -> dict[str, Any]:
    """The request as REST has it; everything but the system prompt is generationConfig there."""
    config = _config(request)
    system = types.Content(parts=[types.Part.from_text(text=request.system)])
    return {
        "model": f"models/{request.model}",
        "contents": [_json(_content(message)) for message in request.messages],
        "generationConfig": _json(config, exclude={"system_instruction"}),
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


def _events(chunks: Iterator[types.GenerateContentResponse]) -> Iterator[Event]:
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


def _translate(error: Exception, model: str) -> AppError | None:
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
