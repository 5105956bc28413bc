"""The nouns of a conversation with a model: messages in, events out; pure values."""

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, cast, runtime_checkable

Modality = Literal["text", "image", "audio", "video", "pdf"]
Role = Literal["user", "assistant"]
Source = Literal["chat", "vision", "api", "classify", "job", "speedtest"]
Thinking = Literal["off", "low", "medium", "high"]
Resolution = Literal["low", "medium", "high"]  # how closely a model looks at pictures
Option = Literal["temperature", "top_p", "stop", "seed", "json_schema", "media_resolution"]

USUAL_OPTIONS: frozenset[Option] = frozenset(
    {"temperature", "top_p", "stop", "seed", "json_schema"}
)

MAX_TOKENS = 2048
NO_MODEL = "(none)"  # the name of the entry that says why a provider has no model


class Finish(StrEnum):
    """Why an answer ended; `INCOMPLETE` is a stream that closed without the provider's end mark."""

    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"
    STOPPED = "stopped"
    ERROR = "error"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound, film or PDF, already checked by content. `data` stays out of reprs."""

    mime: str
    data: bytes = field(repr=False)

    @property
    def modality(self) -> Modality:
        if self.mime == "application/pdf":
            return "pdf"
        kind = self.mime.partition("/")[0]
        if kind not in ("image", "audio", "video"):
            raise ValueError(f"no modality for {self.mime}")
        return cast(Modality, kind)


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    text: str = field(repr=False)
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one model.

    `model` is the provider's own name, without our prefix. A None option is not sent at all:
    newer models refuse some of them. `stream=False` lets an adapter fetch the answer in one piece.
    `logprobs` is how many alternatives per token are wanted (0: none). With `choices` the answer is
    one of these texts; the provider holds the model to it as far as it can, so check it.
    `raw` says that each message is a whole prompt, to be sent without a chat template; the choices'
    log-probabilities are averaged over them. `ignore_eos`: write all `max_tokens`, where the server
    knows how. `host` is the base URL of the one server to ask, of a provider that `HasHosts`; None:
    whichever has the least to do.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = field(default="", repr=False)
    max_tokens: int = MAX_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    choices: tuple[str, ...] = ()
    raw: bool = False
    logprobs: int = 0
    thinking: Thinking | None = None
    media_resolution: Resolution | None = None
    stream: bool = True
    ignore_eos: bool = False
    host: str | None = field(default=None, repr=False)  # it may hold a password

    @property
    def modalities(self) -> frozenset[Modality]:
        """What the model must be able to read."""
        return frozenset({"text", *(part.modality for m in self.messages for part in m.media)})


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A chosen token, its natural-log probability, and the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. Totals include their parts (cached in input, thinking in output).

    None is «the server did not say», never 0. `input_audio_tokens` is a part of the input that
    Gemini prices apart.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    cached_tokens: int | None = None
    input_audio_tokens: int | None = None

    @property
    def total_tokens(self) -> int | None:
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer.

    `version` is the model the provider says it used, `load_ms` the time it took to load, and
    `prompt_cut` tells that the server silently dropped a part of the prompt. `prompt_ms` and
    `answer_ms` are the engine's own clock: how long it read, and wrote.
    """

    finish: Finish
    version: str | None = None
    tier: str = "standard"
    load_ms: float | None = None
    prompt_cut: bool = False
    prompt_ms: float | None = None
    answer_ms: float | None = None


Event = Text | Thought | Usage | Done


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the picker shows it; `reason` says why it is off and what turns it on.

    `takes` are the options that are sent; others are left out. `thinking` are the levels it can be
    told, `thinks` says that it thinks before it answers unless told not to. `scores`: asked with
    `choices`, it completes a raw prompt and gives every choice's log-probability.
    """

    provider: str
    name: str
    available: bool = True
    reason: str | None = None
    input: tuple[Modality, ...] = ("text",)
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    takes: frozenset[Option] = USUAL_OPTIONS
    thinking: tuple[Thinking, ...] = ()
    thinks: bool = False
    scores: bool = False

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.name}"


class Provider(Protocol):
    """What every adapter promises; tests/contract holds all of them to it."""

    name: str

    def stream(self, request: Request) -> Generator[Event, None, None]:
        """Yield any number of Text, Thought and Usage, then exactly one Done; or raise AppError.

        Closing the generator hangs up on the provider.
        """
        ...

    def models(self) -> list[ModelInfo]:
        """What can be asked now; an unreachable server is one entry with its reason."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class HasHosts(Protocol):
    """A provider of one server or several, which `Request.host` chooses from."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Their base URLs, in the order of the setting."""
        ...

    def having(self, model: str) -> list[str]:
        """The base URLs of those that listed the model, dead ones last; empty: none listed it."""
        ...


@runtime_checkable
class Counts(Protocol):
    """A provider whose server counts a prompt before it is sent."""

    def count(self, request: Request) -> int | None:
        """Tokens of the prompt as the server counts them, free of charge; raises AppError.

        None: this server cannot say, or not of such a request.
        """
        ...
