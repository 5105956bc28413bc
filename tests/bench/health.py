"""/healthz while five people stream and the embedded model is busy ÷ the same server idle."""

import statistics
import threading
import time
from pathlib import Path

import httpx2

from tests.browser.conftest import PASSWORD, start_site, until_healthy
from tests.fakes import FakeServer

SECONDS = 6.0
STREAMS = 5


def health_under_load(folder: Path) -> list[str]:
    with FakeServer() as fake:
        site = until_healthy(start_site(folder, APP_PASSWORD=PASSWORD, OLLAMA_HOST=fake.url))
        _ask(site.url, "embedded/smollm2-135m", "hi", tokens=2)  # loaded before the clock runs
        idle = _latencies(site.url, 1.0)
        people = [("ollama/gemma3:4b", "#tokens=2000 #pace=0.01")] * STREAMS
        busy = [("embedded/smollm2-135m", "Write a very long story.")] * 4
        threads = [
            threading.Thread(target=_ask, args=(site.url, *one, 2000), daemon=True)
            for one in people + busy
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        loaded = _latencies(site.url, SECONDS)
        site.stop()
    quiet, p95, worst = statistics.median(idle), _p95(loaded), max(loaded)
    return [
        f"/healthz under {STREAMS} streams and a busy embedded model: p95 {p95:.1f} ms, "
        f"worst {worst:.1f} ms, idle {quiet:.1f} ms = {p95 / quiet:.1f}"
    ]


def _latencies(url: str, seconds: float) -> list[float]:
    found = []
    until = time.monotonic() + seconds
    with httpx2.Client() as client:
        while time.monotonic() < until:
            started = time.perf_counter()
            client.get(f"{url}/healthz").raise_for_status()
            found.append((time.perf_counter() - started) * 1000)
            time.sleep(0.02)
    return found


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _ask(url: str, model: str, message: str, tokens: int) -> None:
    body = {"message": message, "model": model, "max_tokens": tokens, "stream": True}
    headers = {"Authorization": f"Bearer {PASSWORD}"}
    try:
        with httpx2.stream("POST", f"{url}/api/chat", json=body, headers=headers, timeout=60) as s:
            for _ in s.iter_lines():
                pass
    except httpx2.TransportError:
        return  # the server was stopped under it, as planned
