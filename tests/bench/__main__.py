"""`make bench`: what it costs to be us, each figure beside its yardstick of the same run."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import bulk, calls, estimate, health, start, streams


def main() -> None:
    os.environ.setdefault("EMBEDDED_MODEL", "")
    write(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"Python {platform.python_version()}")  # fmt: skip
    measurements: list[Callable[[Path], list[str]]] = [
        calls.cpu_per_call, start.start_to_healthy, health.health_under_load,
        estimate.sweep_of_everything, bulk.bulk_rows, bulk.bulk_memory,
        streams.streamed_answer, streams.many_streams,
    ]  # fmt: skip
    for measure in measurements:
        with tempfile.TemporaryDirectory() as folder:
            for line in measure(Path(folder)):
                write(line)


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
