"""Bulk rows: against perfect scheduling, against the guide's recipe, CPU and memory per row."""

import asyncio
import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from lib.core import spec
from lib.store.settings import read
from lib.work.app import App, build
from lib.work.jobs import JobDesk

MODEL = "gemini-3.1-flash-lite"
ROWS, CONCURRENCY, MEAN_S, SIGMA = 2000, 50, 0.2, 0.6
MANY_ROWS, MANY_PER_REQUEST = 100_000, 20


@dataclass(frozen=True)
class Fake:
    url: str
    grpc: str

    @property
    def mean_latency_s(self) -> float:
        return float(httpx2.get(f"{self.url}/stats").json()["mean_latency_s"])


@contextlib.contextmanager
def fake_elsewhere(*flags: str) -> Iterator[Fake]:
    """The fake in a process of its own, so that its work is not counted as ours."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.fakes", "--port=0", "--grpc-port=0"]
    with subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, target = (process.stdout.readline().split()[1] for _ in range(2))
        try:
            yield Fake(url, target)
        finally:
            process.terminate()


@contextlib.contextmanager
def desk_at(fake: Fake, folder: Path) -> Iterator[tuple[App, JobDesk]]:
    app = build(
        read(
            data_dir=folder,
            google_api_key="k",
            gemini_base_url=fake.url,
            gemini_grpc_target=fake.grpc,
            ollama_host=fake.url,
            embedded_model="off",
        )
    )
    desk = JobDesk(app)
    try:
        yield app, desk
    finally:
        desk.close()
        app.close()


def run_job(app: App, desk: JobDesk, rows: int, name: str, **asked: Any) -> float:
    """Seconds from the upload's end to the last row's result."""
    upload, path = app.uploads.new()
    path.write_text("text\n" + "".join(f"{name} {i} is good\n" for i in range(rows)))
    given = {"text_column": "text", "labels": ["good", "bad"], "model": f"gemini/{MODEL}"}
    started = time.perf_counter()
    job = desk.create(upload, "rows.csv", spec.parse(given | asked))
    while app.jobs.get(job.id).state in ("queued", "running"):
        time.sleep(0.05)
    found = app.jobs.get(job.id)
    assert (found.state, found.rows_done, found.rows_failed) == ("done", rows, 0), found
    return time.perf_counter() - started


def bulk_rows(folder: Path) -> list[str]:
    with fake_elsewhere(f"--latency-s={MEAN_S}", f"--sigma={SIGMA}") as fake:
        with desk_at(fake, folder) as (app, desk):
            run_job(app, desk, 50, "warm up", concurrency=CONCURRENCY)
            cpu, mean_s = time.process_time(), fake.mean_latency_s
            took_s = run_job(app, desk, ROWS, "row", concurrency=CONCURRENCY)
            cpu_ms = (time.process_time() - cpu) / ROWS * 1000
            mean_s = fake.mean_latency_s
        recipe_s = asyncio.run(guides_recipe(fake, [f"row {i} is good" for i in range(ROWS)]))
    ours, perfect, recipe = ROWS / took_s, CONCURRENCY / mean_s, ROWS / recipe_s
    return [
        f"bulk rows/s at {CONCURRENCY} calls of {mean_s * 1000:.0f} ms (log-normal, sigma {SIGMA}):"
        f" {ours:.0f} of {perfect:.0f} = {ours / perfect:.2f}",
        f"bulk rows/s ÷ the guide's gather by 50: {ours:.0f} ÷ {recipe:.0f} = {ours / recipe:.2f}",
        f"CPU per bulk row over gRPC, ledger and durability included: {cpu_ms:.2f} ms",
    ]


async def guides_recipe(fake: Fake, texts: list[str]) -> float:
    """Seconds for the rows in slices of 50, each slice awaited as a whole, as the guide does."""
    import grpc
    from google.ai.generativelanguage import GenerativeServiceAsyncClient

    from lib.providers.gemini_protos import sdk

    transport = GenerativeServiceAsyncClient.get_transport_class("grpc_asyncio")
    channel = grpc.aio.insecure_channel(fake.grpc)
    model = sdk().GenerativeModel(MODEL)
    model._async_client = GenerativeServiceAsyncClient(transport=transport(channel=channel))
    started = time.perf_counter()
    for first in range(0, len(texts), 50):
        prompts = [f"Label it good or bad.\n\n{text}" for text in texts[first : first + 50]]
        asked = (model.generate_content_async(prompt) for prompt in prompts)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert not any(isinstance(answer, Exception) for answer in answers)
    took_s = time.perf_counter() - started
    await channel.close()
    return took_s


def bulk_memory(folder: Path) -> list[str]:
    """In a process of its own: what it held before does not hide what the job takes."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.bulk", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _memory(folder: Path) -> str:
    with fake_elsewhere() as fake, desk_at(fake, folder) as (app, desk):
        run_job(app, desk, 50, "warm up")
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asked = {"concurrency": CONCURRENCY, "rows_per_request": MANY_PER_REQUEST}
        took_s = run_job(app, desk, MANY_ROWS, "row", **asked)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"peak memory for {MANY_ROWS:,} rows loaded and run ({MANY_PER_REQUEST} a request,"
        f" {took_s:.0f} s): {(peak - idle) / 1024:.0f} MB above idle ({idle / 1024:.0f} MB)"
    )


if __name__ == "__main__":
    sys.stdout.write(_memory(Path(sys.argv[1])) + "\n")
