"""Which local models a GPU can hold, by the same sums as the estimate's."""

from collections.abc import Mapping
from dataclasses import dataclass

from lib.core.throughput import LocalModel, memory_gb_of, streams_within

CONTEXT_TOKENS = 8192
ROOM_FOR = 4  # streams; with fewer a model fits, but tightly


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model by its Ollama tag; `memory_gb` is what it takes with one stream, in GB of 10⁹ bytes.

    `streams` of the asked context fit beside its weights; `vision`: it reads pictures.
    """

    tag: str
    memory_gb: float
    streams: int
    vision: bool


def recommended(
    models: Mapping[str, LocalModel], memory_gb: float, context_tokens: int = CONTEXT_TOKENS
) -> list[Recommendation]:
    """The models that fit into a GPU's memory under Ollama: those with room for several streams,
    then the tighter ones, the largest first in both."""
    found = [
        Recommendation(
            model.tag,
            memory_gb_of(model, "ollama", context_tokens),
            streams_within(memory_gb, model, "ollama", context_tokens),
            model.vision,
        )
        for model in models.values()
    ]
    fitting = (one for one in found if one.streams)
    return sorted(fitting, key=lambda one: (one.streams < ROOM_FOR, -one.memory_gb))
