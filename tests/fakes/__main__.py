"""Run the fake by hand: python -m tests.fakes --port 9100 --grpc-port 9101

It listens on 127.0.0.1 and answers GET /stats (how many calls, how long) and GET /asked (how often
each text was asked about). --latency-s and the like make it slow, strict or unreliable.
"""

import argparse
import signal
import sys
import threading
from dataclasses import fields

from tests.fakes.conduct import Conduct
from tests.fakes.server import FakeServer

KEPT = 1000  # calls; a long run must not fill the memory with their bodies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--grpc-port", type=int, default=9101)
    for field in fields(Conduct):
        kind = type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    parser.add_argument("--pull-bytes-per-s", type=float, default=0.0)
    options = vars(parser.parse_args())
    pull_bytes_per_s = options.pop("pull_bytes_per_s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with FakeServer(keep_calls=KEPT, **options) as fake:
        fake.ollama.bytes_per_s = pull_bytes_per_s
        sys.stdout.write(f"http {fake.url}\ngrpc {fake.grpc_target}\n")
        sys.stdout.flush()
        stop.wait()


main()
