"""A crowd: people in page sessions, programs that stream, one big job, and who watches it all."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.bench.visitor import Visitor
from tests.browser.conftest import PASSWORD

PEOPLE, STREAMS, ROWS = 20, 10, 5_000
MODEL, BULK = "ollama/gemma3:4b", "gemini/gemini-3.1-flash-lite"
PROMPTS_IN_A_TAB = 5
LABELS = ["good", "bad"]
PAGE_PATHS = ("/healthz", "/", "/api/models", "/api/usage", "/api/jobs")


@dataclass
class Crowd:
    """One run; times in seconds, memory in MB. Whatever went wrong stands in `troubles`."""

    url: str
    cookie: str
    pid: int
    seconds: float
    job_concurrency: int
    statuses: Counter[int] = field(default_factory=Counter)
    answers: int = 0
    tabs: int = 0
    streams: int = 0
    polls_s: list[float] = field(default_factory=list)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    job: dict[str, Any] = field(default_factory=dict)
    labels: list[str | None] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    usage: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    log: str = ""
    _started: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Everybody at once until the time is over and the job has ended."""
        async with self._client() as client:
            everybody = [
                self._job(client),
                self._watch(client),
                self._weigh(),
                *(self._person(n) for n in range(PEOPLE)),
                *(self._program(client, n) for n in range(STREAMS)),
            ]
            await asyncio.gather(*everybody)

    def memory_between(self, begin: float, end: float) -> float:
        """The most memory seen between two shares of the run."""
        return max(
            mb
            for when, mb in self.memory_mb
            if begin * self.seconds <= when <= max(end * self.seconds, begin * self.seconds + 2)
        )

    def _client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {PASSWORD}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=60)

    @property
    def _now(self) -> float:
        return time.monotonic() - self._started

    @property
    def _over(self) -> bool:
        return self._now > self.seconds

    async def _person(self, n: int) -> None:
        """Opens tab after tab; each prompt asks for a longer answer, whose end is a new word."""
        await asyncio.sleep(n * 0.1)
        while not self._over:
            try:
                async with asyncio.timeout(60), Visitor(self.url, self.cookie) as visitor:
                    self.tabs += 1
                    for tokens in range(40, 40 + PROMPTS_IN_A_TAB):
                        await visitor.ask(
                            f"#tokens={tokens} #pace=0.02 #paragraph=20", "w1", f"w{tokens}"
                        )
                        self.answers += 1
                        if self._over:
                            return
            except Exception as error:
                self.troubles[f"page: {type(error).__name__}"] += 1

    async def _program(self, client: httpx2.AsyncClient, n: int) -> None:
        """Streams one answer after the other, by turns in our dialect and in OpenAI's."""
        ask = [self._stream_ours, self._stream_openai][n % 2]
        while not self._over:
            try:
                ended = await ask(client)
            except httpx2.HTTPError as error:
                self.troubles[f"stream: {type(error).__name__}"] += 1
                continue
            self.streams += 1
            if ended != "stop":
                self.troubles[f"stream ended as {ended}"] += 1

    async def _stream_ours(self, client: httpx2.AsyncClient) -> str | None:
        body = {"message": "#tokens=80 #pace=0.02", "model": MODEL, "stream": True}
        ended = None
        async for event in self._events(client, "/api/chat", body):
            ended = event.get("finish", ended)
        return ended

    async def _stream_openai(self, client: httpx2.AsyncClient) -> str | None:
        said = [{"role": "user", "content": "#tokens=80 #pace=0.02"}]
        body = {"messages": said, "model": MODEL, "stream": True}
        ended = None
        async for event in self._events(client, "/api/v1/chat/completions", body):
            for choice in event.get("choices", ()):
                ended = choice["finish_reason"] or ended
        return ended

    async def _events(
        self, client: httpx2.AsyncClient, path: str, body: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        async with client.stream("POST", path, json=body) as answer:
            self.statuses[answer.status_code] += 1
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])

    async def _job(self, client: httpx2.AsyncClient) -> None:
        """One file of different rows, each of which says what its label must be."""
        rows = "\n".join(f"row {i} is {LABELS[i % 2]}" for i in range(ROWS))
        spec = {
            "text_column": "text", "labels": LABELS, "model": BULK,
            "concurrency": self.job_concurrency,
        }  # fmt: skip
        answer = await client.post(
            "/api/jobs",
            files={"file": ("rows.csv", f"text\n{rows}".encode())},
            data={"spec": json.dumps(spec)},
        )
        self.statuses[answer.status_code] += 1
        path = f"/api/jobs/{answer.json()['job_id']}"
        while self.job.get("state") in (None, "queued", "running"):
            await asyncio.sleep(0.5)
            self.job = (await client.get(path)).json()
        results = await client.get(f"{path}/results", params={"format": "jsonl"})
        self.labels = [json.loads(line)["label"] for line in results.text.splitlines()]

    async def _watch(self, client: httpx2.AsyncClient) -> None:
        """Somebody else looks around all the time: what they wait is what starving would show."""
        while not self._over:
            for path in PAGE_PATHS:
                started = time.perf_counter()
                try:
                    answer = await client.get(path)
                except httpx2.HTTPError as error:
                    self.troubles[f"{path}: {type(error).__name__}"] += 1
                    continue
                self.statuses[answer.status_code] += 1
                self.polls_s.append(time.perf_counter() - started)
                await asyncio.sleep(0.1)

    async def _weigh(self) -> None:
        while not self._over:
            status = Path(f"/proc/{self.pid}/status").read_text()
            resident_kb = int(status.partition("VmRSS:")[2].split()[0])
            self.memory_mb.append((self._now, resident_kb / 1024))
            await asyncio.sleep(1)
