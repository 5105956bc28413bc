"""A throw-away Postgres for the tests of the store: its own folder, its own port, gone after it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

START_S = 30
# An answer of the disk is not needed: the cluster does not outlive the tests.
OPTIONS = (
    "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    " -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"
)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty database; skips where no Postgres is installed, but never under CI."""
    initdb, control = _program("initdb"), _program("pg_ctl")
    if not initdb or not control:
        if os.environ.get("CI"):
            pytest.fail("Postgres is wanted under CI: initdb and pg_ctl were not found.")
        pytest.skip("Postgres is not installed.")
    # Not pytest's own folder: that is closed to the other user Postgres runs as.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, _user())
        data, port = f"{folder}/data", free_port()
        _run(folder, initdb, "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        start = ("-o", f"{OPTIONS} -p {port}", "-l", f"{folder}/log", "-t", str(START_S), "-w")
        _run(folder, control, "-D", data, *start, "start")
        try:
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            _run(folder, control, "-D", data, "-m", "immediate", "-w", "stop")


def _program(name: str) -> str | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(packaged[-1]) if packaged else None)


def _user() -> str | None:
    """Postgres refuses to run as root."""
    import pwd

    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(folder: str, *command: str) -> None:
    done = _done(folder, *command)
    if done.returncode < 0:  # beside gRPC's threads a fork may die before it is the program
        done = _done(folder, *command)
    if done.returncode:
        log = Path(folder, "log")
        said = log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
        pytest.fail(f"{Path(command[0]).name} failed ({done.returncode}): {said}")


def _done(folder: str, *command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        cwd=folder,
        user=_user(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would stay open in the server that is started here
        stderr=subprocess.DEVNULL,
        timeout=2 * START_S,
        check=False,
    )
