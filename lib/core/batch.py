"""Requests that are sent together and answered within a day: what such a provider promises."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lib.core.chat import Finish, Request, Usage
from lib.core.errors import AppError, BadReply

FRAME_BYTES = 1000  # of a request's options and names


class BatchState(StrEnum):
    """How far a batch is; the last four have ended, and only `SUCCEEDED` has answers."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What one request of a batch was answered; `version` is the model that answered."""

    text: str
    usage: Usage
    finish: Finish
    version: str | None


class Unkeyed(BadReply):
    """Answers without the keys of their requests: nobody knows whose they are."""


class Batching(Protocol):
    """A provider of batches. Every wait obeys the line that the thread holds."""

    def submit(self, model: str, requests: Mapping[str, Request], display_name: str) -> str:
        """Send requests by their keys as one batch; the name it gets there."""
        ...

    def find(self, display_name: str) -> str | None:
        """The name of the batch that was submitted under this display name, if there is one."""
        ...

    def look(self, name: str) -> BatchState:
        """How far it is; NotFound when it is there no more."""
        ...

    def answers(self, name: str) -> dict[str, BatchAnswer | AppError]:
        """What became of its requests, by key; a key that is missing was not answered.

        Raises Unkeyed, or NotFound when it is there no more.
        """
        ...

    def cancel(self, name: str) -> None:
        """End it; what is done by then may be charged. NotFound when it is there no more."""
        ...

    def delete(self, name: str) -> None:
        """Let it be forgotten with its answers; this does not end it. NotFound as above."""
        ...

    def close(self) -> None: ...


def weight(request: Request) -> int:
    """About the bytes a request takes when it is sent, base64 and escapes counted in."""
    texts = [request.system, *(message.text for message in request.messages)]
    media = sum(len(part.data) * 4 // 3 for m in request.messages for part in m.media)
    schema = json.dumps([request.json_schema, request.choices])
    return sum(len(json.dumps(text)) for text in texts) + media + len(schema) + FRAME_BYTES
