"""What a model server says of itself: how it is, what it has, what that takes."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lib.core.chat import Modality
from lib.core.errors import AppError

# What runs the models of each provider, as reports and measurements call it.
ENGINES = {"gemini": "Gemini API", "ollama": "Ollama", "vllm": "vLLM", "embedded": "llama.cpp"}


@dataclass(frozen=True, slots=True)
class HostedModel:
    """A model as its server describes it. Sizes in bytes; None is «the server did not say».

    `memory_bytes` is what it takes of the server's memory now, `gpu_bytes` the part of it that lies
    on the GPU, `window_tokens` the context it was loaded with; all None while it is not loaded.
    """

    name: str
    size_bytes: int | None = None
    parameters: str | None = None
    quantisation: str | None = None
    context_tokens: int | None = None
    input: tuple[Modality, ...] = ("text",)
    loaded: bool | None = None
    memory_bytes: int | None = None
    gpu_bytes: int | None = None
    window_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class HostReport:
    """One server, asked just now. `address` is for people: without user, password and query.

    `error` says why it did not answer and what to do; None: it did.
    """

    address: str
    engine: str
    version: str | None = None
    models: tuple[HostedModel, ...] = ()
    error: AppError | None = None


@runtime_checkable
class Reports(Protocol):
    """A provider whose servers can be asked how they are; asking costs nothing."""

    def report(self) -> list[HostReport]:
        """Every server of this provider, all asked at once; never raises."""
        ...
