"""deploy/start.sh as a container runs it: tools of a slim image, an empty folder, no Docker."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, Site
from tests.ports import free_port

# All that the script calls; a slim Debian image has them.
TOOLS = ["bash", "dirname", "env", "setsid", "sh", "sleep", "timeout"]
# As a container's first process, the script must reap what others leave. This gives it that duty,
# and the signals as a container has them: bash cannot trap what is ignored from the start, as
# SIGHUP is under nohup.
AS_FIRST_PROCESS = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(36, 1)
for told in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(told, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""

# Stands in for Streamlit, and like it ends by the signal it got, after some work.
APP_ENDS = (
    """trap 'echo "app asked to end"; sleep 0.3; echo "app ended"; trap - TERM; kill $$' TERM"""
)
APP_SAYS = 'echo "app is process $$: $*"'
OLLAMA_ENDS = """trap 'echo "ollama ended"; exit' TERM"""
OLLAMA_SAYS = 'echo "ollama is process $$: $* on $OLLAMA_HOST, models in $OLLAMA_MODELS"'
DEAF = "trap '' TERM"
FOR_EVER = "while :; do sleep 1 & wait $!; done"

Run = Callable[..., Site]
Write = Callable[..., None]


def write_program(file: Path, lines: tuple[str, ...]) -> None:
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH of its own, so that an Ollama of this machine is not found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


@pytest.fixture
def ollama(programs: Path) -> Write:
    """`ollama(line, …)` installs a program of that name with these lines of shell."""
    return lambda *lines: write_program(programs / "ollama", lines)


@pytest.fixture
def app(root: Path) -> Write:
    """`app(line, …)` is what serves instead of the stand-in."""
    return lambda *lines: write_program(root / ".venv/bin/streamlit", lines)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The product's folder with our own code, and the stand-in instead of Streamlit."""
    root = tmp_path / "app"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "start.sh", root / "deploy")
    (root / "lib").symlink_to(ROOT / "lib")
    for part in ("pyvenv.cfg", "lib", "bin/python"):
        (root / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    write_program(root / ".venv/bin/streamlit", (APP_ENDS, APP_SAYS, FOR_EVER))
    return root


@pytest.fixture
def run(root: Path, programs: Path, tmp_path: Path) -> Iterator[Run]:
    """`run(OLLAMA_HOST=…)` starts deploy/start.sh from an empty folder, with these settings."""
    running: list[Site] = []

    def start(folder: Path = root, **settings: str) -> Site:
        (tmp_path / "elsewhere").mkdir()
        port, script = free_port(), str(folder / "deploy" / "start.sh")
        environment = {
            "PATH": str(programs), "HOME": str(tmp_path), "PORT": str(port),
            "DATA_DIR": str(tmp_path / "volume"), "OLLAMA_HOST": f"127.0.0.1:{free_port()}",
            **settings,
        }  # fmt: skip
        with (tmp_path / "log.txt").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", AS_FIRST_PROCESS, script],
                cwd=tmp_path / "elsewhere", env=environment, stdout=out, stderr=out,
            )  # fmt: skip
        running.append(Site(f"http://127.0.0.1:{port}", process, tmp_path / "log.txt"))
        return running[-1]

    yield start
    for site in running:
        if site.process.poll() is None:
            site.stop()


def process_of(name: str, site: Site) -> int:
    """The newest process of that name which told the log."""
    site.wait_for_log(rf"{name} is process \d+")
    return int(site.log.rpartition(f"{name} is process ")[2].split(":")[0])


def runs(process: int) -> bool:
    """Whether it still does anything; a dead one may wait a moment for its parent to notice."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
