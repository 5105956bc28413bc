"""How long the suites with random moments run: a little in `make test`, much with SOAK=1."""

import os


def times(short: int, long: int) -> int:
    return long if os.environ.get("SOAK") == "1" else short
