"""What every HTTP adapter shares: clients, and how their failures become our errors."""

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2

from lib.core.errors import (
    AppError,
    AuthFailed,
    BadInput,
    BadReply,
    Broke,
    ModelMissing,
    NoConnection,
    ProviderError,
    RateLimited,
    TimedOut,
    Unreachable,
)
from lib.providers.line import HungUp, current, cuttable

log = logging.getLogger(__name__)

CONNECT_S = 10.0
# As many are kept as may be open: a job's three hundred calls would otherwise close and open
# a connection each as soon as more than a few of them end together.
CONNECTIONS = {"max_connections": 512, "max_keepalive_connections": 512}


def client2(timeout_s: float) -> httpx2.Client:
    """The client openai and google-genai use. No proxy or netrc of the environment is read."""
    transport = httpx2.HTTPTransport(limits=httpx2.Limits(**CONNECTIONS), trust_env=False)
    return httpx2.Client(
        transport=cuttable(transport),
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
        trust_env=False,
    )


def client_options(timeout_s: float) -> dict[str, Any]:
    """What `ollama.Client` hands to its httpx client; unlike httpx its own default never ends."""
    transport = httpx.HTTPTransport(limits=httpx.Limits(**CONNECTIONS), trust_env=False)
    return {
        "transport": cuttable(transport),
        "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
        "trust_env": False,
    }


_KEYS = {"Gemini": "GOOGLE_API_KEY", "vLLM": "VLLM_API_KEY"}  # the settings that hold them


def from_status(
    status: int, who: str, model: str, retry_after_s: float | None = None, down: str | None = None
) -> AppError:
    """An HTTP status as our error; the provider's own text is never passed on.

    `down` is what to do when the server is there but cannot serve.
    """
    if status in (401, 403):
        setting = _KEYS.get(who)
        hint = setting and f"Put a working key in {setting} and start again."
        return AuthFailed(f"{who} did not accept this server's key.", hint)
    if status == 404 and not model:
        return Unreachable(f"{who} does not know the call for its models.")
    if status == 404:
        return ModelMissing(f"{who} has no model called {model}.")
    if status == 408:
        return TimedOut(f"{who} gave up waiting for the request.")
    if status == 429:
        return RateLimited(f"{who} asks for fewer requests.", retry_after_s=retry_after_s)
    if status in (499, 502, 503, 504):  # 499 is gRPC's «cancelled», by a server that ends
        return Unreachable(
            f"{who} cannot be used right now (status {status}).", down, retry_after_s
        )
    if status >= 500:
        return Broke(f"{who} failed inside (status {status}).")
    return BadInput(
        f"{who} did not accept this request (status {status}).",
        hint="The prompt may be too long, or the model cannot take an option or a file.",
    )


def retry_after_s(headers: Any) -> float | None:
    """The seconds of a Retry-After header; its date form is rare enough to count as unknown."""
    value = str(headers.get("retry-after") or "")
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d+)?", value) else None


_TIMEOUTS = (httpx.ReadTimeout, httpx2.ReadTimeout, httpx.WriteTimeout, httpx2.WriteTimeout)
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    ConnectionRefusedError,
)
_TRANSPORT = (
    httpx.HTTPError,
    httpx2.HTTPError,
    ConnectionError,
    httpx.InvalidURL,
    httpx2.InvalidURL,
)


def transport_error(error: BaseException, who: str) -> ProviderError | None:
    """A failure below HTTP, or a body that cannot be read, as our error; None for anything else."""
    if isinstance(error, _TIMEOUTS):
        return TimedOut(f"{who} sent nothing for too long.")
    if isinstance(error, _NOT_SENT):
        return NoConnection(f"{who} does not answer.")
    if isinstance(error, _TRANSPORT):
        return Unreachable(f"{who} does not answer, or the connection broke.")
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return BadReply(f"{who} sent something that cannot be read.")
    return None


@contextlib.contextmanager
def our_errors(who: str, model: str, translate: Any) -> Iterator[None]:
    """Turn whatever an SDK raises into one of our errors.

    `translate(error, model)` knows the SDK's own classes and may return None; then the transport
    rules apply, and whatever is left is a bad reply.
    """
    try:
        yield
    except (AppError, HungUp):
        raise
    except Exception as error:
        if (line := current()) and line.hung_up:
            raise HungUp from error
        ours = translate(error, model) or transport_error(error, who)
        if ours is None:
            # The kind only: the text may hold the prompt or the key.
            log.warning("%s: unforeseen %s", who, type(error).__name__)
            ours = BadReply(f"{who} sent something that cannot be read.")
        raise ours from error
