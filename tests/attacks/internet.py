"""Public addresses stood in for at the wire: names answer as told, and every dial is noted."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from tests.unit.picture_site import Site, serving

PUBLIC = "93.184.215.14"
ALSO_PUBLIC = "2606:4700::1111"


class Internet:
    """`names` holds what a name resolves to, look-up by look-up; its last answer stays.

    Whatever public address is dialled, `site` answers. `dialled` has what the picture fetch
    connected to; connections to other loopback ports, the fakes', pass and are not noted.
    """

    def __init__(self, site: Site, getaddrinfo: Any, create_connection: Any) -> None:
        self.site = site
        self.names: dict[str, list[list[str]]] = {}
        self.looked_up: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self._getaddrinfo, self._create_connection = getaddrinfo, create_connection

    def clear(self) -> None:
        for kept in (self.names, self.looked_up, self.dialled, self.site.replies, self.site.seen):
            kept.clear()

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        """The system's resolver, which knows numbers, localhost and `names`."""
        name = host.decode() if isinstance(host, bytes) else host
        if name in self.names:
            self.looked_up.append(name)
            answers = self.names[name]
            addresses = answers.pop(0) if len(answers) > 1 else answers[0]
            return [(0, 0, 0, "", (address, port)) for address in addresses]
        if name != "localhost" and not _is_address(name):
            raise socket.gaierror
        return list(self._getaddrinfo(host, port, *args, **options))

    def create_connection(self, address: tuple[str, int], *args: Any, **options: Any) -> Any:
        host, port = address
        if not ip_address(host).is_loopback or port == self.site.port:
            self.dialled.append((host, port))
            if not ip_address(host).is_global:
                raise ConnectionRefusedError
            address = ("127.0.0.1", self.site.port)
        return self._create_connection(address, *args, **options)


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


@contextmanager
def internet_at_the_wire() -> Iterator[Internet]:
    with serving() as site, pytest.MonkeyPatch.context() as patch:
        stand_in = Internet(site, socket.getaddrinfo, socket.create_connection)
        patch.setattr(socket, "getaddrinfo", stand_in.getaddrinfo)
        patch.setattr(socket, "create_connection", stand_in.create_connection)
        yield stand_in
