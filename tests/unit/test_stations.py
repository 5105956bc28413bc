"""Every provider's servers, asked together."""

import time
from pathlib import Path

from lib.core.errors import NotConfigured, TimedOut
from lib.work.app import App
from lib.work.models import ORDER
from lib.work.stations import stations
from tests.fakes import FakeServer
from tests.unit.builders import running, silent_server


def test_all_providers_are_told_in_the_order_of_the_picker(app: App) -> None:
    """Those that are there with their models, the one that is off with what turns it on."""
    found = stations(app)
    (off,) = found["embedded"]

    assert tuple(found) == ORDER
    assert all(found[name][0].error is None for name in ("gemini", "ollama", "vllm"))
    assert all(found[name][0].models for name in ("gemini", "ollama", "vllm"))
    assert isinstance(off.error, NotConfigured)
    assert "EMBEDDED_MODEL" in off.error.hint


def test_a_provider_without_settings_says_which(fake: FakeServer, tmp_path: Path) -> None:
    """The next step is a setting's name."""
    with running(fake, tmp_path, google_api_key=None, vllm_base_url=None) as app:
        found = stations(app)

    for name, setting in (("gemini", "GOOGLE_API_KEY"), ("vllm", "VLLM_BASE_URL")):
        (report,) = found[name]
        assert isinstance(report.error, NotConfigured)
        assert setting in report.error.hint


def test_every_host_is_told_and_silent_ones_cost_their_wait_once(
    fake: FakeServer, tmp_path: Path
) -> None:
    """Three seconds for everybody, not for each of them."""
    with silent_server() as mute:
        silent = f"http://{mute}"
        settings = {"ollama_host": f"{silent},{fake.url}", "vllm_base_url": f"{silent}/v1"}
        with running(fake, tmp_path, **settings) as app:
            started = time.monotonic()
            found = stations(app)
            lasted = time.monotonic() - started

    silent_one, well = found["ollama"]
    assert isinstance(silent_one.error, TimedOut)
    assert well.error is None
    assert isinstance(found["vllm"][0].error, TimedOut)
    assert lasted < 5.5
