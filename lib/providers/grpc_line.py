"""gRPC under the same rules as our HTTP: plaintext on loopback only, every wait can be cut.

A connection carries as many calls at once as its server allows, Google's a hundred; gRPC holds all
further ones back without a word. So many calls are spread over several connections.
"""

import contextlib
import ipaddress
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from lib.core.errors import TimedOut
from lib.providers.line import Line

CALLS = 80  # at once over one connection, below the limit servers set
_OPTIONS = (
    # Without a pool of its own a channel would share the connection of another to the same target.
    ("grpc.use_local_subchannel_pool", 1),
    # By default calls to a server that came back would still fail for up to two minutes.
    ("grpc.max_reconnect_backoff_ms", 5000),
)
# How gRPC's own report of a failed connection begins; a server's status has other words.
_NOT_CONNECTED = (
    "failed to connect to all addresses",
    "errors resolving",
    "DNS resolution failed",
)
_UNREADABLE = "Exception deserializing response!"


def never_connected(error: grpc.RpcError) -> bool:
    """Whether the call failed before anything of it was sent."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and _said(error).startswith(_NOT_CONNECTED)


def unreadable(error: grpc.RpcError) -> bool:
    """Whether an answer came that is no message; gRPC gives that the code of a broken server."""
    return error.code() is grpc.StatusCode.INTERNAL and _said(error) == _UNREADABLE


def _said(error: grpc.RpcError) -> str:
    return str(error.details() or "")


def next_chunk(call: Any, line: Line) -> Any:
    """The next chunk, or None at the end; cancels the call when the line's wait is over."""
    with line.waiting(call.cancel), _no_longer_than(line.left_s(), call.cancel):
        return next(call, None)


@contextlib.contextmanager
def _no_longer_than(seconds: float, cancel: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(seconds, cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    except grpc.RpcError as error:
        if timer.finished.is_set() and error.code() is grpc.StatusCode.CANCELLED:
            raise TimedOut("Gemini sent nothing for too long.") from error
        raise
    finally:
        timer.cancel()


def channel(target: str) -> grpc.Channel:
    """Plaintext is for loopback only: anywhere else the key would cross the net in clear."""
    host = target.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return grpc.insecure_channel(target, _OPTIONS)
    if host == "localhost":
        return grpc.insecure_channel(target, _OPTIONS)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(), _OPTIONS)
