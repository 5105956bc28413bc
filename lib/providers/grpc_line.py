"""gRPC under the same rules as our HTTP: plaintext on loopback only, every wait can be cut."""

import contextlib
import ipaddress
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from lib.core.errors import TimedOut
from lib.providers.line import Line


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
            return grpc.insecure_channel(target)
    if host == "localhost":
        return grpc.insecure_channel(target)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials())
