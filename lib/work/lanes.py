"""Fair timing: models on the same machine answer one after the other, others side by side."""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from lib.core.chat import ModelInfo
from lib.store.settings import Settings

THIS_MACHINE = "this machine"


def machines(settings: Settings, info: ModelInfo) -> frozenset[str]:
    """The machines that may compute a model's answers; none is known of an API."""
    if info.provider == "ollama":
        return frozenset(map(machine, settings.ollama_host))
    if info.provider == "vllm":
        return frozenset(map(machine, settings.vllm_base_url or ()))
    return frozenset({THIS_MACHINE} if info.provider == "embedded" else ())


def queue(settings: Settings, infos: Sequence[ModelInfo]) -> list[list[int]]:
    """For each model of a round, the earlier ones that its answer must wait for."""
    used = [machines(settings, info) for info in infos]
    return [[i for i in range(n) if used[i] & used[n]] for n in range(len(used))]


def machine(url: str) -> str:
    """The machine an address leads to; every way to write loopback is this one."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return THIS_MACHINE
    address = _address(host)
    if address is None:
        return host
    # 0.0.0.0 and :: reach this machine as well.
    return THIS_MACHINE if address.is_loopback or address.is_unspecified else str(address)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # knows 127.1 and 0x7f000001 too
    except OSError:
        pass
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return None
    return address.ipv4_mapped or address
