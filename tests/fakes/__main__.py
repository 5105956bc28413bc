"""Run the fake by hand: python -m tests.fakes --port 9100 --grpc-port 9101"""

import argparse
import signal
import sys
import threading

from tests.fakes.server import FakeServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--grpc-port", type=int, default=9101)
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with FakeServer(options.port, options.grpc_port) as fake:
        sys.stdout.write(f"http {fake.url}\ngrpc {fake.grpc_target}\n")
        sys.stdout.flush()
        stop.wait()


main()
