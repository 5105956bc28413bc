"""The JSON API's requests and answers, as other programs see them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from lib.core.chat import MAX_TOKENS, Message, Modality, ModelInfo, Request
from lib.core.errors import BadInput, NotFound
from lib.core.prices import Price
from lib.work.chats import timings, usage_facts
from lib.work.meter import Receipt

MOST_TOKENS = 1_000_000
MOST_CHARACTERS = 10_000_000
ID: dict[str, Any] = {"pattern": "^[0-9a-f]{28}$"}


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a character (a lone surrogate)") from None
    return text


def _plain(number: Any) -> Any:
    """JSON knows no whole numbers but those: 100.0 is 100, as JSON Schema has it too."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


TokenLimit = Annotated[int, Field(strict=True, ge=1, le=MOST_TOKENS), BeforeValidator(_plain)]
Words = Annotated[str, Field(max_length=MOST_CHARACTERS), AfterValidator(_encodable)]
Written = Annotated[Words, Field(min_length=1)]


def known_id(noun: str, listed: str) -> AfterValidator:
    """A path's id; whatever cannot be one is not looked up: not every database takes every
    character. `listed` is the call that has those there are."""

    def check(given: str) -> str:
        if not (given.isascii() and given.isalnum()):
            raise NotFound(f"There is no such {noun}.", hint=f"{listed} lists them.")
        return given

    return AfterValidator(check)


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: Written


class OnlyKnown(BaseModel):
    """A body whose unknown fields are refused; the first one is named."""

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, body: Any) -> Any:
        # Not extra="forbid": that makes one error for each of a million unknown keys.
        fields = body if isinstance(body, dict) else {}
        odd = next((name for name in fields if name not in cls.model_fields), None)
        if odd is not None:
            raise BadInput(f"{odd[:100]}: there is no such field.", hint="See /api/docs.")
        return body


class ChatBody(OnlyKnown):
    """`messages` replaces `message` for a conversation; its last entry is the user's."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "anyOf": [
                {"required": ["message"], "properties": {"message": {"type": "string"}}},
                {"required": ["messages"], "properties": {"messages": {"type": "array"}}},
            ],
        }
    )

    message: Written | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=10_000)] | None = None
    system_prompt: Words | None = None
    max_tokens: TokenLimit = MAX_TOKENS
    model: Annotated[Words, Field(max_length=300)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False, strict=True)] | None = None
    stream: Annotated[bool, Field(strict=True)] = False

    def request(self) -> Request:
        """The core's request; system messages join the system prompt."""
        given = self.messages
        if given is None and self.message is None:
            raise BadInput("message: this field is missing.", hint="Send message, or messages.")
        said = given or [ChatMessage(role="user", content=self.message or "")]
        if said[-1].role != "user":
            raise BadInput("messages: the last one must be the user's.")
        system = [self.system_prompt or "", *(m.content for m in said if m.role == "system")]
        return Request(
            model="",
            messages=tuple(Message(m.role, m.content) for m in said if m.role != "system"),
            system="\n\n".join(part for part in system if part),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
        )


class UsageShape(BaseModel):
    """Totals include their parts; null is «the server did not say»."""

    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    cached_tokens: int | None
    total_tokens: int | None


class TimingsShape(BaseModel):
    """Milliseconds; `ttft_ms` is the wait for the first token."""

    ttft_ms: float | None
    total_ms: float
    tokens_per_second: float | None


class ReceiptShape(BaseModel):
    """What an answer took. A stream that closed without the provider's mark is `incomplete`."""

    model: str
    finish: Literal["stop", "length", "refused", "stopped", "error", "incomplete"]
    usage: UsageShape
    cost_usd: float | None = Field(description="US dollars; null when a price or count is unknown")
    timings: TimingsShape
    warnings: list[str] | None = None


class ChatAnswer(ReceiptShape):
    response: str


class ErrorFields(BaseModel):
    code: str
    message: str
    hint: str
    retry_after_s: float | None = None


class ErrorShape(BaseModel):
    error: ErrorFields


class TextEvent(BaseModel):
    """A piece of the answer, in a stream."""

    text: str


class DoneEvent(ReceiptShape):
    """The last event of a stream that ended well."""

    done: Literal[True]


EVENTS = (TextEvent, DoneEvent, ErrorShape)


class PriceShape(BaseModel):
    """The headline price in US dollars per million tokens, and where it stands."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float
    source: str
    checked: date


class ListedModel(BaseModel):
    """A model; what is not known is left out. `reason` says why one is not available."""

    id: str
    provider: str
    name: str
    available: bool
    reason: str | None = None
    input: list[Modality]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    price: PriceShape | None = None


class ModelsAnswer(BaseModel):
    models: list[ListedModel]
    default: str | None = Field(description="the id that is asked when a call names none")


def receipt_fields(receipt: Receipt) -> dict[str, Any]:
    """What stands beside the text: model, finish, usage, cost_usd, timings, and warnings if any."""
    fields: dict[str, Any] = {
        "model": receipt.model,
        "finish": receipt.finish.value,
        "usage": usage_facts(receipt.usage),
        "cost_usd": _number(receipt.cost_usd),
        "timings": timings(receipt),
    }
    if receipt.prompt_cut:
        fields["warnings"] = ["The server cut the prompt: it did not fit into the model's window."]
    return fields


def model_fields(info: ModelInfo, price: Price | None) -> dict[str, Any]:
    """One entry of /api/models; what is not known is left out."""
    optional = {
        "reason": info.reason,
        "context_tokens": info.context_tokens,
        "max_output_tokens": info.max_output_tokens,
        "price": price
        and {
            "input_usd_per_mtok": float(price.input_usd_per_mtok),
            "output_usd_per_mtok": float(price.output_usd_per_mtok),
            "source": price.source.url,
            "checked": price.source.checked.isoformat(),
        },
    }
    return {
        "id": info.id,
        "provider": info.provider,
        "name": info.name,
        "available": info.available,
        "input": list(info.input),
        **{name: value for name, value in optional.items() if value is not None},
    }


def _number(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)
