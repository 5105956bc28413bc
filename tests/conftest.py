"""What every suite shares: the fake servers, a clean environment, no model anywhere else."""

import gc
import os
import socket
from collections.abc import Iterator

import hypothesis
import pytest

from lib.store.settings import Settings
from tests.fakes import FakeServer

# CI is shared and slow at times, and must say the same twice; at home new cases are wanted.
hypothesis.settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("house")

SETTINGS = {name.upper() for name in Settings.model_fields} | {"GEMINI_API_KEY"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    """No setting of the person who runs the tests, and never their data folder."""
    for name in SETTINGS & set(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(autouse=True, scope="module")
def _freeze() -> Iterator[None]:
    """What a module leaves behind need not be looked through by every later collection: the fakes
    remember every call, and ten thousand tests leave gigabytes."""
    yield
    gc.freeze()


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def dead_address() -> str:
    """host:port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI a skipped test is a failure: whatever it lacked should have been installed."""
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, and CI forbids that")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
