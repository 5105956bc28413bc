"""What the adapters over Ollama's client share: the client, its errors, what it says of a model."""

import os

import httpx

from lib.core.chat import Modality
from lib.core.errors import AppError, BadReply, NoConnection
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


def reads(name: str, shown: ollama.ShowResponse | None) -> tuple[Modality, ...]:
    if shown is None or shown.capabilities is None:  # a server before 0.6.4
        return by_name(name)
    return ("text", *(_READS[can] for can in shown.capabilities if can in _READS))


def context_tokens(shown: ollama.ShowResponse | None) -> int | None:
    facts = (shown.modelinfo if shown else None) or {}
    lengths = [value for name, value in facts.items() if name.endswith(".context_length")]
    return int(lengths[0]) if lengths else None
