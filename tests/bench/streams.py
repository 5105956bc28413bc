"""A long answer on the chat page against plain `st.write_stream`: bytes, CPU, and many at once."""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.bench.bulk import Fake, fake_elsewhere
from tests.bench.visitor import Seen, Visitor, log_in
from tests.browser.conftest import PASSWORD, start_site, until_healthy
from tests.ports import free_port

TOKENS, PER_S, FIRST_S, PEOPLE = 2000, 100, 0.3, 20
PROMPT = f"#tokens={TOKENS} #paragraph=60 #pace={1 / PER_S} #slow={FIRST_S}"
PERFECT_S = FIRST_S + TOKENS / PER_S
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

PLAIN = """
import os
import streamlit as st
from google import genai

client = genai.Client(api_key="k", http_options={"base_url": os.environ["FAKE"]})

def words(prompt):
    for chunk in client.models.generate_content_stream(
        model="gemini-3.1-flash-lite", contents=prompt
    ):
        yield chunk.text or ""

prompt = st.chat_input("Ask")
if prompt:
    with st.chat_message("user"):
        st.write(prompt)
    with st.chat_message("assistant"):
        st.write_stream(words(prompt))
"""


def streamed_answer(folder: Path) -> list[str]:
    """Bytes before compression and server CPU of one long answer."""
    with fake_elsewhere() as fake:
        with plain_site(fake, folder) as (url, pid):
            plain, plain_cpu_s, _ = asyncio.run(watch(url, pid, "", people=1))
        with our_site(fake, folder) as (url, pid):
            ours, our_cpu_s, _ = asyncio.run(watch(url, pid, log_in(url, PASSWORD), people=1))
    plain_bytes, our_bytes = plain[0].bytes, ours[0].bytes
    return [
        f"{TOKENS} tokens at {PER_S}/s, bytes: plain {plain_bytes / 1e6:.2f} MB, "
        f"ours {our_bytes / 1e6:.3f} MB = 1/{plain_bytes / our_bytes:.0f}",
        f"the same, server CPU: plain {plain_cpu_s:.2f} s, ours {our_cpu_s:.2f} s "
        f"= {our_cpu_s / plain_cpu_s:.2f}",
        f"the same, last token seen after {plain[0].last_s:.2f} s and {ours[0].last_s:.2f} s, "
        f"perfect {PERFECT_S:.1f} s",
    ]


def many_streams(folder: Path) -> list[str]:
    """Twenty people at once."""
    with fake_elsewhere() as fake, our_site(fake, folder) as (url, pid):
        seen, cpu_s, _ = asyncio.run(watch(url, pid, log_in(url, PASSWORD), PEOPLE))
    late_ms = sorted((one.first_s - FIRST_S) * 1000 for one in seen)
    took_s = sorted(one.last_s for one in seen)
    return [
        f"{len(took_s)} of {PEOPLE} people, {TOKENS} tokens each at {PER_S}/s at once: first token "
        f"late by p50 {statistics.median(late_ms):.0f} ms, p95 {p95(late_ms):.0f} ms; answer p95 "
        f"{p95(took_s):.1f} s = {p95(took_s) / PERFECT_S:.2f} of perfect; CPU {cpu_s:.1f} s"
    ]


async def watch(url: str, pid: int, cookie: str, people: int) -> tuple[list[Seen], float, float]:
    """Everybody asks at the same moment; returns what they saw, and the server's CPU seconds."""
    async with contextlib.AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(Visitor(url, cookie)) for _ in range(people)]
        for visitor in visitors:  # a prompt before, so that nothing is loaded on the clock
            await visitor.ask("good morning", "good", "morning")
        await asyncio.sleep(1)
        before, started = cpu_s(pid), time.perf_counter()
        asked = (visitor.ask(PROMPT, "w1", f"w{TOKENS}") for visitor in visitors)
        seen = await asyncio.wait_for(asyncio.gather(*asked), 300)
        return seen, cpu_s(pid) - before, time.perf_counter() - started


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, from /proc (fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


@contextlib.contextmanager
def our_site(fake: Fake, folder: Path) -> Iterator[tuple[str, int]]:
    site = until_healthy(
        start_site(
            folder,
            APP_PASSWORD=PASSWORD,
            GOOGLE_API_KEY="k",
            GEMINI_BASE_URL=fake.url,
            OLLAMA_HOST=fake.url,
            EMBEDDED_MODEL="off",
        )
    )
    try:
        yield site.url, site.process.pid
    finally:
        site.stop()


@contextlib.contextmanager
def plain_site(fake: Fake, folder: Path) -> Iterator[tuple[str, int]]:
    (folder / "plain.py").write_text(PLAIN)
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("streamlit")), "run", "plain.py",
        "--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true",
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    environment = {**os.environ, "FAKE": fake.url}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_healthy(url):
            time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def _is_healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/_stcore/health").status_code == 200
    except httpx2.TransportError:
        return False
