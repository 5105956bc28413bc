"""How often an address may knock: wrong secrets few times a minute, calls without a login often."""

import math
import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

from lib.core.errors import RateLimited

WRONG_TRIES = 5
WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
# A page of a browser whose login has ended asks for a hundred files; a scanner for thousands.
REFUSALS, REFUSALS_PER_S = 1_000, 50.0


class Throttle:
    """Bounds the wrong passwords and tokens of an address: five in a sliding minute.

    `now` is a clock in seconds. It remembers at most `MAX_ADDRESSES` addresses, six tries each.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._wrong: dict[str, list[float]] = {}  # the address that erred last stands last

    def attempt(self, address: str, is_right: Callable[[], bool]) -> bool:
        """Tell whether a secret is right; the only way in which one may be tried.

        Raises RateLimited for the sixth wrong one in a minute, and then for everything from that
        address, unlooked at, until the minute is over.
        """
        with self._lock:
            now = self._now()
            recent = [then for then in self._wrong.get(address, ()) if now - then < WINDOW_S]
            if len(recent) <= WRONG_TRIES:
                if is_right():
                    return True
                recent.append(now)
                self._remember(address, recent)
            if len(recent) <= WRONG_TRIES:
                return False
        wait_s = max(1, math.ceil(recent[0] + WINDOW_S - now))
        raise RateLimited(
            f"Too many wrong tries from this address; wait {wait_s} seconds.", retry_after_s=wait_s
        )

    def _remember(self, address: str, recent: list[float]) -> None:
        self._wrong.pop(address, None)
        self._wrong[address] = recent
        while True:
            oldest, tries = next(iter(self._wrong.items()))
            if len(self._wrong) <= MAX_ADDRESSES and recent[-1] - tries[-1] < WINDOW_S:
                return
            del self._wrong[oldest]


class Refusals:
    """Bounds the calls without a login of an address: a bucket of `REFUSALS`, refilled steadily.

    `now` is a clock in seconds. Whoever is logged in is never counted, so that a stranger behind
    the same proxy locks nobody out.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}  # (calls left, at that time)

    def count(self, address: str) -> None:
        """One more call without a login; raises RateLimited when there were too many."""
        now = self._now()
        left, then = self._left.pop(address, (float(REFUSALS), now))
        left = min(float(REFUSALS), left + (now - then) * REFUSALS_PER_S)
        self._left[address] = (max(0.0, left - 1), now)
        if len(self._left) > MAX_ADDRESSES:
            del self._left[next(iter(self._left))]
        if left < 1:
            raise RateLimited("Too many calls without a login from this address.", retry_after_s=1)


def client_address(scope: Scope) -> str:
    """The peer as the throttle counts it: an IPv4 address, or the /64 network of an IPv6 one.

    It is the true one: `connections.TruePeer` keeps uvicorn from believing X-Forwarded-For.
    """
    client = scope.get("client")
    if not client:
        return "unknown"
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d, which all share one /64.
    return str(address.ipv4_mapped or f"{int(address) >> 64:x}::/64")


def is_loopback(address: str) -> bool:
    """Whether a `client_address` is this machine: itself, or everybody behind its proxy."""
    return address.startswith("127.") or address == "0::/64"
