"""The process that holds llama.cpp: `python -m lib.providers.llama_server`, started by `embedded`.

One line of JSON in (model, name, mmproj, key, slots, context), one line out (url or error). It
lives as long as its standard input stays open, so it cannot outlive the app, even a killed one.
"""

import contextlib
import json
import os
import sys
from typing import Any

NICENESS = 5  # pages and API come first on a small machine
# A prompt is read in such steps; between them others get their tokens and a hang-up is noticed.
# llama.cpp computes in steps of 512 anyway; its default of 2,048 only makes everyone wait longer.
BATCH_TOKENS = 512
CACHE_MIB = 256  # for prompts read before; llama.cpp's own bound is 8 GB


def main() -> None:
    order = json.loads(sys.stdin.readline())
    # llama.cpp logs to both streams, prompts included when asked to be verbose: keep only our line.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    try:
        server = _start(order)
    except Exception:
        answer.write(json.dumps({"error": "load"}) + "\n")
        answer.flush()
        os._exit(1)
    answer.write(json.dumps({"url": server.listening_address}) + "\n")
    answer.flush()
    sys.stdin.read()
    os._exit(0)  # no tidy end: a generation may be running, and nothing here needs saving


def _start(order: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["model"]
    parameters.model_alias = {order["name"]}  # otherwise each answer carries the file's path
    if order["mmproj"]:
        parameters.mmproj.path = order["mmproj"]
    parameters.api_keys = [order["key"]]
    parameters.n_parallel = order["slots"]
    parameters.n_ctx = order["context"]
    parameters.n_batch = BATCH_TOKENS
    parameters.cache_ram_mib = CACHE_MIB
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = -1
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    main()
