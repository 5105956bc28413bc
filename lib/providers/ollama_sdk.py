"""What the adapters over Ollama's client share: the client, its errors, what it says of models."""

import os
from dataclasses import dataclass
from typing import Any

import httpx

from lib.core.chat import Modality
from lib.core.errors import AppError, BadReply, NoConnection
from lib.core.heard import is_name, whole
from lib.providers.line import Line
from lib.providers.reads import by_name
from lib.providers.wire import client_options, from_status, retry_after_s

# On import the package makes a client of its own for OLLAMA_HOST, and fails when several servers
# stand in it.
_hosts = os.environ.pop("OLLAMA_HOST", None)
try:
    import ollama as ollama
finally:
    if _hosts is not None:
        os.environ["OLLAMA_HOST"] = _hosts

WHO = "Ollama"
LIST_S = 3.0  # longest wait for a list of models: the picker must not hang on a dead host

_NEARLY_S = 0.01
_READS: dict[str, Modality] = {"vision": "image", "audio": "audio"}


class _Status(Exception):
    """An answer of 400 and above, with the header the client would have thrown away."""

    def __init__(self, response: httpx.Response) -> None:
        self.status, self.retry_after_s = response.status_code, retry_after_s(response.headers)


def _check(response: httpx.Response) -> None:
    if response.status_code >= 400:
        response.read()  # the connection serves the next call only if nothing is left in it
        raise _Status(response)


def client(host: str, timeout_s: float) -> ollama.Client:
    """A client of the server at a base URL; `timeout_s` bounds each silence."""
    hooks = {"response": [_check]}
    return ollama.Client(host, event_hooks=hooks, **client_options(timeout_s))


def translate(error: Exception, model: str) -> AppError | None:
    if isinstance(error, _Status):
        return from_status(error.status, WHO, model, error.retry_after_s)
    if type(error) is ConnectionError:  # what the client makes of a refused plain call
        return NoConnection(f"{WHO} does not answer.")
    if isinstance(error, ollama.ResponseError):  # an error line in mid-stream, status -1
        return BadReply(f"{WHO} broke off with an error.")
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of a model; `can` None: it is older than 0.6.4 and does not say it."""

    can: frozenset[str] | None = None
    context_tokens: int | None = None

    def reads(self, name: str) -> tuple[Modality, ...]:
        if self.can is None:
            return by_name(name)
        return ("text", *(reads for can, reads in _READS.items() if can in self.can))


def asked(
    client: ollama.Client, method: str, path: str, body: dict[str, str] | None = None
) -> dict[str, Any]:
    """What a server answers, as it is; BadReply when that is no object.

    The client's own calls refuse a whole list for one odd number in it, hence the private name.
    """
    answer = client._client.request(method, path, json=body).json(parse_int=_int)
    if not isinstance(answer, dict):
        raise BadReply(f"{WHO} sent something that cannot be read.")
    return answer


def named(client: ollama.Client, path: str) -> dict[str, dict[str, Any]]:
    """What /api/tags or /api/ps lists, sorted by name; without what nobody could ask for."""
    models = asked(client, "GET", path).get("models")
    if not isinstance(models, list):
        raise BadReply(f"{WHO} sent no list of models.")
    found = (one for one in models if isinstance(one, dict) and is_name(one.get("model")))
    return dict(sorted((one["model"], one) for one in found))


def in_time(line: Line) -> bool:
    """Whether a further question can still be answered before the line's time is up."""
    return line.left_s() > _NEARLY_S


def facts(client: ollama.Client, model: str) -> Facts:
    """What /api/show says of a model."""
    shown = asked(client, "POST", "/api/show", {"model": model})
    can, info = shown.get("capabilities"), shown.get("model_info")
    known = info.items() if isinstance(info, dict) else ()
    lengths = (value for name, value in known if name.endswith(".context_length"))
    return Facts(
        frozenset(one for one in can if isinstance(one, str)) if isinstance(can, list) else None,
        whole(next(lengths, None)) or None,
    )


def _int(digits: str) -> int | None:
    """Python refuses to read a number of thousands of digits, and with it all the others."""
    return int(digits) if len(digits) < 20 else None
