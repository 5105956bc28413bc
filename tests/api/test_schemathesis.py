"""schemathesis reads /api/openapi.json, attacks every call, and must find nothing."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.web.throttle import Throttle
from tests.api import conftest
from tests.api.conftest import PASSWORD, Api, api_with, settings_for
from tests.fakes import FakeServer

ROOT = Path(__file__).parents[2]
SOAK = bool(os.environ.get("SOAK"))
CASES = 400 if SOAK else 6  # for each call and phase, beside one for each bound of each field
MOST_S = 1800 if SOAK else 170


@pytest.fixture
def api(fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An API that counts every wrong password as a minute after the last: many are tried."""
    minutes = itertools.count(step=61)
    monkeypatch.setattr(conftest, "Throttle", lambda: Throttle(lambda: float(next(minutes))))
    with api_with(settings_for(fake, tmp_path, model_timeout_s=30)) as client:
        yield client


@pytest.mark.timeout(MOST_S)
def test_schemathesis_finds_nothing(api: Api, tmp_path: Path) -> None:
    """Bounds, types, methods, logins, media types, stale ids: all is answered as described."""
    spec = tmp_path / "openapi.json"
    spec.write_bytes(api.get("/openapi.json").content)
    attack = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--config-file",
         ROOT / "tests/api/schemathesis.toml", "run", spec, "--url", str(api.base_url).rstrip("/"),
         "--max-examples", str(CASES)],
        cwd=ROOT, env=os.environ | {"API_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert attack.returncode == 0, attack.stdout[-20_000:] + attack.stderr[-2_000:]
    assert "Tested: 27" in attack.stdout
