"""What `make run` learns from the settings: where to listen, and whether to start at all."""

import os
import subprocess
import sys

import pytest

from lib.store import settings
from lib.store.settings import ROOT, WrongSetting
from lib.store.start import check, is_loopback


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m lib.store.start` as `make run` calls it."""
    return subprocess.run(
        [sys.executable, "-m", "lib.store.start"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        (None, False),
        ("192.168.1.1", False),
        ("8.8.8.8", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_may_stand_open(address: str | None, loopback: bool):
    """Without a login the server is only bound where nobody else can reach it."""
    opened, guarded = settings.read(app_auth="off"), settings.read()
    try:
        check(opened, address)
        line = None
    except WrongSetting as wrong:
        line = str(wrong)
    if address in ("0.0.0.0", None):
        check(guarded, address)

    assert is_loopback(address) == loopback
    assert (line is None) == loopback
    assert line is None or (line.startswith("APP_AUTH: «off»") and "HOST=127.0.0.1" in line)


@pytest.mark.parametrize(
    ("environment", "flags"),
    [
        ({"PORT": "9000"}, "--server.address 0.0.0.0 --server.port 9000"),
        ({"PORT": "1", "APP_AUTH": "off"}, "--server.address 127.0.0.1 --server.port 1"),
        ({"PORT": "2", "HOST": "127.0.0.2"}, "--server.address 127.0.0.2 --server.port 2"),
        (
            {"PORT": "3", "HOST": "::1", "APP_AUTH": "off"},
            "--server.address ::1 --server.port 3",
        ),
    ],
)
def test_make_run_gets_its_flags(environment: dict[str, str], flags: str):
    """One line with Streamlit's flags: everywhere, on loopback without a login, or as HOST says."""
    done = started(**environment, MAX_UPLOAD_MB="7")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"flags='{flags} --server.maxUploadSize 7' weights=")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PORT": "x"}, "PORT: «x»"),
        ({"HOST": "256.1.1.1"}, "HOST: «256.1.1.1»"),
        ({"EMBEDDED_MODEL": "/nope.gguf"}, "EMBEDDED_MODEL: there is no file «/nope.gguf»"),
        ({"APP_AUTH": "off", "HOST": "0.0.0.0"}, "APP_AUTH: «off»"),
        ({"DATABASE_URL": "oracle://u:hunter2@h"}, "DATABASE_URL: this value"),
    ],
)
def test_a_wrong_start_is_refused(environment: dict[str, str], says: str):
    """The command fails with one line, prints no flags, and shows no traceback or password."""
    done = started(**environment)

    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_weights_are_not_wanted_when_the_model_is_named(tmp_path):
    """`make run` fetches no weights when a model is named, or the embedded one is off."""
    own = tmp_path / "own.gguf"
    own.touch()
    printed = [started(EMBEDDED_MODEL=str(model)).stdout for model in ("off", own)]

    assert [line.split()[-1] for line in printed] == ["weights=here"] * 2
