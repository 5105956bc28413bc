"""What an Ollama says while it downloads a model: a line of JSON for every word."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.core.errors import BadReply
from lib.core.heard import clean, whole
from lib.providers.ollama_sdk import WHO, ollama

MOST_LINE = 1_000_000  # bytes of one word on a download; a usual one has two hundred


@dataclass(frozen=True, slots=True)
class PullStep:
    """A word on a download. `status` is Ollama's own, made fit to show; bytes are of the one file
    that `digest` names."""

    status: str
    digest: str | None = None
    total_bytes: int | None = None
    done_bytes: int | None = None


def steps(pieces: Iterator[bytes]) -> Iterator[PullStep]:
    """The words in the bytes of an answer; ResponseError for one that tells of an error."""
    return (_step(json.loads(line)) for line in _lines(pieces))


def _lines(pieces: Iterator[bytes]) -> Iterator[bytearray]:
    """Bytes cut into lines; BadReply when one has no end."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        if b"\n" in piece:
            *lines, rest = rest.split(b"\n")
            yield from lines
        if len(rest) > MOST_LINE:
            raise BadReply(f"{WHO} sent something that cannot be read.")
    if rest:
        yield rest


def _step(said: Any) -> PullStep:
    """A word on a download; an error is one of Ollama's client, as from its other calls."""
    if not isinstance(said, dict):
        raise BadReply(f"{WHO} sent something that cannot be read.")
    if problem := said.get("error"):
        raise ollama.ResponseError(str(problem))
    return PullStep(
        clean(said.get("status")) or "",
        clean(said.get("digest")),
        whole(said.get("total")),
        whole(said.get("completed")),
    )
