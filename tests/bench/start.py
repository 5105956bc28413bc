"""From the command to a healthy server ÷ the same for an empty Streamlit app."""

import subprocess
import sys
import time
from pathlib import Path

import httpx2

from tests.browser.conftest import start_site, until_healthy
from tests.ports import free_port

RUNS = 5


def start_to_healthy(folder: Path) -> list[str]:
    (folder / "empty.py").write_text("import streamlit as st\nst.write('hello')\n")
    ours, empty = [], []
    for _ in range(RUNS):
        started = time.perf_counter()
        site = until_healthy(start_site(folder, APP_PASSWORD="bench"))
        ours.append(time.perf_counter() - started)
        site.stop()
        empty.append(_empty_app(folder))
    best, plain = min(ours), min(empty)
    return [
        f"start to healthy: {best:.2f} s, empty Streamlit app {plain:.2f} s = {best / plain:.2f}"
    ]


def _empty_app(folder: Path) -> float:
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("streamlit")), "run", "empty.py",
        "--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true",
    ]  # fmt: skip
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200:
                break
        except httpx2.TransportError:
            time.sleep(0.02)
    took = time.perf_counter() - started
    process.terminate()
    process.wait()
    return took
