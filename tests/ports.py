"""Free ports that stay free: below those a system lends to outgoing connections."""

import random
import socket

# Linux lends from 32768 up. A port from there may be a client's own end by the time a server
# comes back to it, or even of a client that connects to itself while the server is away.
OURS = range(20_000, 32_000)


def free_port() -> int:
    for port in random.sample(OURS, 200):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port among 200 tried")
