"""What `make run` learns from the settings: where to listen, and whether to start at all."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lib.store import settings
from lib.store.settings import ROOT, WrongSetting
from lib.store.start import check, is_loopback, own_ollama


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m lib.store.start` as `make run` calls it, with a data folder of the test's own."""
    given = {name: os.environ[name] for name in ("PATH", "DATA_DIR")}
    return subprocess.run(
        [sys.executable, "-m", "lib.store.start"],
        cwd=ROOT,
        env=given | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(**environment: str) -> dict[str, str]:
    """The shell's variables after that."""
    words = shlex.split(started(**environment).stdout)
    return dict(word.split("=", 1) for word in words)


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
    """Streamlit's flags: everywhere, on loopback without a login, or as HOST says."""
    serve = told(**environment, MAX_UPLOAD_MB="7")["serve"]

    assert serve == f"streamlit run app.py {flags} --server.maxUploadSize 7"


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

    assert [told(EMBEDDED_MODEL=str(model))["weights"] for model in ("off", own)] == ["here"] * 2


def test_the_data_folder_is_made_and_told(tmp_path: Path):
    """Any name comes through the shell whole; nobody else may look into what it holds."""
    folder = tmp_path / "the volume's $HOME"

    assert told(DATA_DIR=str(folder))["data_dir"] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("wrong", ["/proc/nowhere", "/dev/null", "/dev/null/folder", "/proc"])
def test_a_data_folder_that_cannot_be_written_is_refused(wrong: str):
    """A volume may belong to somebody else, be read-only or no folder at all: the line says so."""
    with pytest.raises(WrongSetting) as refused:
        check(settings.read(data_dir=Path(wrong)), None)

    assert re.fullmatch(
        f"DATA_DIR: «{wrong}»: [A-Z][a-z ]+; give a folder this user may write to.",
        str(refused.value),
    )


@pytest.mark.parametrize(
    ("hosts", "address"),
    [
        ("127.0.0.1", "127.0.0.1:11434"),
        ("localhost:9000", "localhost:9000"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("[::1]", "[::1]:11434"),
        ("0.0.0.0", "127.0.0.1:11434"),
        ("http://0.0.0.0:9000/", "127.0.0.1:9000"),
        ("[::]:9000", "[::1]:9000"),
        ("10.0.0.9, 127.0.0.1:9000, localhost", "127.0.0.1:9000"),
        ("https://localhost", ""),
        ("10.0.0.9", ""),
        ("http://127.0.0.1.example.org:11434", ""),
    ],
)
def test_an_ollama_of_this_machine_is_on_loopback(hosts: str, address: str):
    """Whatever OLLAMA_HOST says, ours listens where nobody else can reach it, or not at all."""
    assert own_ollama(settings.read(ollama_host=hosts).ollama_host) == address
