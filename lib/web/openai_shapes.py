"""Answers in OpenAI's shapes, whole and in chunks."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lib.core.chat import Finish, ModelInfo, Usage
from lib.web.attach import event
from lib.web.openai_errors import openai_error
from lib.web.shapes import receipt_fields
from lib.work.generation import Generation
from lib.work.meter import Receipt

DONE = "data: [DONE]\n\n"

FinishReason = Literal["stop", "length", "content_filter"]
# An answer that broke off is «length»: of OpenAI's own words the only one for «there was more».
# Clients take null and words they do not know for «stop» (LiteLLM), or fail on them (.NET, Rust).
# The receipt has the true one.
_REASONS: dict[Finish, FinishReason] = {
    Finish.STOP: "stop",
    Finish.REFUSED: "content_filter",
}
_CUT_SHORT: FinishReason = "length"


@dataclass(frozen=True, slots=True)
class Heading:
    """What every piece of one answer carries; `created` is in seconds since 1970."""

    id: str
    created: int
    model: str

    def over(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """An object of that kind, without its usage."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def completion(heading: Heading, generation: Generation) -> dict[str, Any]:
    """A finished answer in one object; our `receipt` stands beside OpenAI's fields."""
    receipt = _receipt(generation)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": generation.text,
        "refusal": None,
    }
    if generation.thought:
        message["reasoning_content"] = generation.thought
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": reason_of(receipt.finish),
    }
    return {
        **heading.over("chat.completion", [choice]),
        "usage": usage_object(receipt.usage),
        "receipt": receipt_fields(receipt),
    }


@dataclass(frozen=True, slots=True)
class Chunks:
    """The dialect of a stream: role, words, the reason of the end, the usage if it is wanted.

    An error ends the stream without the end mark, so nobody takes it for whole.
    """

    heading: Heading
    include_usage: bool
    tells_thoughts: ClassVar[bool] = True

    def begin(self) -> str:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def delta(self, text: str, thought: str) -> str:
        thinking = self._chunk({"reasoning_content": thought}) if thought else ""
        return thinking + (self._chunk({"content": text}) if text else "")

    def end(self, generation: Generation) -> str:
        if generation.error:
            return event(openai_error(generation.error))
        receipt = _receipt(generation)
        last = self._chunk({}, reason_of(receipt.finish), receipt=receipt_fields(receipt))
        return last + (self._usage(receipt.usage) if self.include_usage else "") + DONE

    def _usage(self, usage: Usage) -> str:
        chunk = self.heading.over("chat.completion.chunk", [])
        return event({**chunk, "usage": usage_object(usage)})

    def _chunk(self, delta: dict[str, Any], reason: FinishReason | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = self.heading.over("chat.completion.chunk", [choice])
        unknown_yet = {"usage": None} if self.include_usage else {}
        return event({**chunk, **unknown_yet, **more})


def reason_of(finish: Finish) -> FinishReason:
    """OpenAI's word for why an answer ended; never «stop» for one that broke off."""
    return _REASONS.get(finish, _CUT_SHORT)


def usage_object(usage: Usage) -> dict[str, Any] | None:
    """Tokens under OpenAI's names; None when a total is unknown, which clients would read as 0."""
    if usage.total_tokens is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
    }


def model_object(info: ModelInfo, created: int) -> dict[str, Any]:
    """A model as OpenAI lists one."""
    return {"id": info.id, "object": "model", "created": created, "owned_by": info.provider}


def _receipt(generation: Generation) -> Receipt:
    assert generation.receipt is not None
    return generation.receipt
