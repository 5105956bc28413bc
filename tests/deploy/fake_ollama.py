"""Stands in for the program Ollama: `serve` answers as the fake where OLLAMA_HOST says."""

import os
import signal
import sys
import threading

from tests.fakes import FakeServer

assert sys.argv[1:] == ["serve"]
host, _, port = os.environ["OLLAMA_HOST"].partition(":")
assert host == "127.0.0.1", "the fake knows no other address"
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with FakeServer(port=int(port)):
    stop.wait()
