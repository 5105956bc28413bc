"""Twenty people, ten streams and a job of 5,000 rows: all are served, and memory stays flat.

`SOAK=1` (that is `make soak`) lasts five minutes, otherwise half a minute; the figures are printed.
"""

import asyncio
import os
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.bench.bulk import fake_elsewhere
from tests.bench.visitor import log_in
from tests.browser.conftest import PASSWORD, start_site, until_healthy
from tests.load.crowd import LABELS, PEOPLE, ROWS, STREAMS, Crowd

LONG = os.environ.get("SOAK") == "1"
SECONDS, LATENCY_S, CONCURRENCY = (300.0, 0.4, 8) if LONG else (30.0, 0.05, 16)
# A minute of five to settle, a third of the short form; there allocators still find their size.
SETTLED, MOST_GROWTH = (0.2, 1.10) if LONG else (0.4, 1.25)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """The run, over; every test looks at another side of it."""
    folder = tmp_path_factory.mktemp("crowd")
    with fake_elsewhere(f"--latency-s={LATENCY_S}", "--sigma=0.4") as fake:
        settings = {
            "APP_PASSWORD": PASSWORD, "GOOGLE_API_KEY": "k", "GEMINI_BASE_URL": fake.url,
            "GEMINI_GRPC_TARGET": fake.grpc, "OLLAMA_HOST": fake.url, "EMBEDDED_MODEL": "off",
        }  # fmt: skip
        site = until_healthy(start_site(folder, **settings))
        try:
            cookie = log_in(site.url, PASSWORD)
            crowd = Crowd(site.url, cookie, site.process.pid, SECONDS, CONCURRENCY)
            with ThreadPoolExecutor(1) as apart:  # Playwright's loop runs in this thread
                apart.submit(asyncio.run, asyncio.wait_for(crowd.run(), SECONDS + 120)).result()
            headers = {"Authorization": f"Bearer {PASSWORD}"}
            crowd.usage = httpx2.get(f"{site.url}/api/usage", headers=headers).json()
            crowd.asked = int(httpx2.get(f"{fake.url}/stats").json()["asked"])
            crowd.log = site.log
        finally:
            site.stop()
    return crowd


def test_nobody_is_turned_away(crowd: Crowd) -> None:
    """No 5xx, no broken page, no cut stream; the server's log has no error."""
    assert set(crowd.statuses) <= {200, 202}
    assert not crowd.troubles
    assert " ERROR " not in crowd.log


def test_everybody_got_answers(crowd: Crowd) -> None:
    """Each person got several answers, each stream many: nobody starved."""
    assert crowd.answers >= PEOPLE * 2
    assert crowd.streams >= STREAMS * 2


def test_no_row_is_lost(crowd: Crowd) -> None:
    """The job is done, each row has its own label, none failed."""
    assert (crowd.job["state"], crowd.job["rows_done"], crowd.job["rows_failed"]) == (
        "done", ROWS, 0,
    )  # fmt: skip
    assert crowd.labels == [LABELS[i % 2] for i in range(ROWS)]


def test_no_call_is_lost(crowd: Crowd) -> None:
    """The ledger has exactly the calls that the providers were asked."""
    assert crowd.usage["calls"] == crowd.asked
    assert crowd.usage["usage"]["output_tokens"] > 0


def test_memory_stays_flat(crowd: Crowd) -> None:
    """What it takes when it has settled is about what it takes at the end."""
    settled = crowd.memory_between(SETTLED - 0.1, SETTLED)
    assert crowd.memory_between(0.9, 1.0) < settled * MOST_GROWTH


def test_figures(crowd: Crowd, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed for whoever reads the run: pages answered while all this went on."""
    waits = sorted(wait * 1000 for wait in crowd.polls_s)
    median, p95 = statistics.median(waits), statistics.quantiles(waits, n=20)[-1]
    settled, ended = crowd.memory_between(SETTLED - 0.1, SETTLED), crowd.memory_between(0.9, 1.0)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{SECONDS:.0f} s: {PEOPLE} people in {crowd.tabs} tabs got {crowd.answers} answers, "
            f"{STREAMS} programs {crowd.streams} streams, {ROWS} rows went at "
            f"{crowd.job['rows_per_s']:.0f}/s, {crowd.asked} calls in all; {len(waits)} other "
            f"requests took p50 {median:.0f} ms, p95 {p95:.0f} ms; memory {settled:.0f} MB when "
            f"settled, {ended:.0f} MB at the end\n"
        )
    assert p95 < 5000
