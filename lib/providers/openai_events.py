"""What an OpenAI-compatible server answers, chunk by chunk, as our events."""

from collections.abc import Iterator
from typing import Any

from lib.core.chat import Done, Event, Finish, Text, Thought, TokenLogprob, Usage
from lib.core.errors import BadReply

_FINISH = {
    "stop": Finish.STOP,
    "tool_calls": Finish.STOP,
    "length": Finish.LENGTH,
    "content_filter": Finish.REFUSED,
    None: Finish.INCOMPLETE,
}


def events(chunks: Iterator[Any], who: str) -> Iterator[Event]:
    """`who` names the server in errors; an answer in one piece is a single chunk."""
    reason, version, answered, timings = None, None, False, None
    for chunk in chunks:
        version = chunk.model or version
        timings = (chunk.model_extra or {}).get("timings") or timings
        for choice in (chunk.choices or [])[:1]:
            answered = True
            reason = choice.finish_reason or reason
            yield from _pieces(choice)
        if chunk.usage:
            yield _usage(chunk.usage)
    if not answered:
        raise BadReply(f"{who} answered without a choice.")
    yield Done(
        _FINISH.get(reason, Finish.ERROR),
        version=version,
        prompt_ms=_milliseconds(timings, "prompt_ms"),
        answer_ms=_milliseconds(timings, "predicted_ms"),
    )


def _pieces(choice: Any) -> Iterator[Text | Thought]:
    piece = getattr(choice, "delta", None) or getattr(choice, "message", None)
    if piece is None:
        return
    # vLLM called it reasoning_content until 0.11; llama.cpp still does.
    if thought := _extra(piece, "reasoning") or _extra(piece, "reasoning_content"):
        yield Thought(thought)
    if piece.content:
        yield Text(piece.content, _logprobs(choice))


def _extra(piece: Any, name: str) -> str | None:
    value = (piece.model_extra or {}).get(name)
    return value if isinstance(value, str) else None


def _logprobs(choice: Any) -> tuple[TokenLogprob, ...]:
    found = getattr(choice.logprobs, "content", None) or ()
    return tuple(
        TokenLogprob(one.token, one.logprob, tuple((t.token, t.logprob) for t in one.top_logprobs))
        for one in found
    )


def _usage(counted: Any) -> Usage:
    prompt, answer = counted.prompt_tokens_details, counted.completion_tokens_details
    return Usage(
        counted.prompt_tokens,
        counted.completion_tokens,
        getattr(answer, "reasoning_tokens", None),
        getattr(prompt, "cached_tokens", None),
    )


def _milliseconds(timings: Any, name: str) -> float | None:
    """One of llama.cpp's own times; other servers send none."""
    value = timings.get(name) if isinstance(timings, dict) else None
    return float(value) if isinstance(value, int | float) else None
