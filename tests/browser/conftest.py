"""The product as it is started for users, in a process of its own, seen by a real Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.fakes import FakeServer
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "open sesame"
READY = "[data-testid=stApp][data-test-connection-state=CONNECTED]"
# Without these Chromium looks for its maker's hosts, which no test may need.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Site:
    """A running server. `log` is all it printed."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        until = time.monotonic() + 20
        while not (found := re.search(pattern, self.log)):
            assert time.monotonic() < until, self.log
            time.sleep(0.05)
        return found

    def stop(self, how: int = signal.SIGTERM) -> float:
        """End the server; returns the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout=20)
        return time.monotonic() - started


Start = Callable[..., Site]


def start_site(folder: Path, *, address: str = "127.0.0.1", **settings: str) -> Site:
    port = free_port()
    log = folder / "log.txt"
    command = [
        str(Path(sys.executable).with_name("streamlit")), "run", "app.py",
        "--server.port", str(port), "--server.address", address,
    ]  # fmt: skip
    environment = {**os.environ, "DATA_DIR": str(folder / "data"), **settings}
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    return Site(f"http://127.0.0.1:{port}", process, log)


def until_healthy(site: Site) -> Site:
    until = time.monotonic() + 40
    while time.monotonic() < until and site.process.poll() is None:
        try:
            if httpx2.get(f"{site.url}/healthz").status_code == 200:
                return site
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(site.log)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(APP_PASSWORD=…)` runs a server with those settings in a folder of its own."""
    running: list[Site] = []

    def run(**settings: str) -> Site:
        running.append(start_site(tmp_path, **settings))
        return until_healthy(running[-1])

    yield run
    for site in running:
        if site.process.poll() is None:
            site.stop()


@pytest.fixture(scope="session")
def site(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the browser tests: every provider a fake, the embedded model real."""
    settings = {
        "APP_PASSWORD": PASSWORD,
        "GOOGLE_API_KEY": "k",
        "GEMINI_BASE_URL": fake.url,
        "OLLAMA_HOST": fake.url,
        "VLLM_BASE_URL": f"{fake.url}/v1",
        "GPU_USD_PER_HOUR": "0.25",
    }
    running = until_healthy(start_site(tmp_path_factory.mktemp("site"), **settings))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """`visit("/?model=…", width=390)` opens a page as somebody who is logged in."""
    contexts: list[BrowserContext] = []

    def open_page(path: str = "/", width: int = 1200, dark: bool = False) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{site.url}/login")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.goto(site.url + path)
        page.wait_for_selector(READY)
        return page

    yield open_page
    for context in contexts:
        context.close()
