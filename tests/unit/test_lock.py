"""What gets installed: every package at one version, and only files whose hash is known."""

import ast
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from lib.store.settings import ROOT

FILES = ["requirements", "tests/requirements"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?= |$)")


def name_of(requirement: str) -> str:
    return re.split(r"[=\[ ]", requirement)[0].lower().replace("_", "-")


def pins(file: str) -> dict[str, str]:
    """The versions a requirements.txt asks for, by the package's name."""
    lines = (ROOT / f"{file}.txt").read_text().splitlines()
    wanted = [line for line in lines if line and line[0] not in "#-"]
    return {name_of(line): line.partition("==")[2] for line in wanted}


def locked(file: str) -> dict[str, str]:
    """Each entry of a lock, from its version to its last hash, by the package's name."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / f"{file}.lock").read_text(), flags=re.MULTILINE)
    entries = text.replace("\\\n", "").splitlines()
    return {
        name_of(entry): entry.partition("==")[2] for entry in entries if entry and entry[0] != "-"
    }


def versions(file: str) -> dict[str, str]:
    return {name: entry.split()[0] for name, entry in locked(file).items()}


@pytest.mark.parametrize("file", FILES)
def test_every_pin_is_locked_at_its_version(file: str):
    """Fails after an edit of requirements.txt until somebody runs `make lock`."""
    wanted, found = pins(file), versions(file)

    assert len(wanted) > 5
    assert wanted == {name: found.get(name) for name in wanted}


@pytest.mark.parametrize("file", FILES)
def test_everything_is_locked_with_hashes(file: str):
    """pip refuses a file whose hash is not here, whoever offers it under the right name."""
    entries = locked(file)

    assert len(entries) > 50
    assert [name for name, entry in entries.items() if not HASH.search(entry)] == []


def test_tests_run_on_what_is_served():
    served, tested = versions("requirements"), versions("tests/requirements")

    assert served == {name: tested.get(name) for name in served}


@pytest.mark.parametrize("file", FILES)
def test_a_lock_names_no_place_and_builds_nothing(file: str):
    """It must work from any index; a build would run a stranger's script, its tools unlocked."""
    text = (ROOT / f"{file}.lock").read_text()

    assert [line for line in text.splitlines() if line[:1] == "-"] == ["--only-binary :all:"]
    assert not re.search(r"://|file:|/opt|/tmp", text)


def imported() -> set[str]:
    files = [ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("lib/**/*.py")]
    found: set[str] = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found - sys.stdlib_module_names - {"lib", "pages"}


def test_what_is_imported_is_asked_for():
    """Nothing we import may vanish because another package no longer brings it along."""
    from_where = packages_distributions()
    wanted = pins("requirements")
    missing = {
        name
        for name in imported()
        if not any(name_of(package) in wanted for package in from_where[name])
    }

    assert missing == set()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with what `make` needs to install, and a pip that only notes how it is called."""
    for name in ("Makefile", "requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    pip = tmp_path / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\necho "$@" >> calls\n')
    pip.chmod(0o755)
    return tmp_path


def make(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", ".venv/installed"], cwd=clone, capture_output=True, text=True, check=False
    )


def test_make_installs_what_is_locked_and_nothing_else(clone: Path):
    """And once: the second time nothing is installed, so nothing is asked of a network."""
    first, second = make(clone), make(clone)
    [call] = (clone / "calls").read_text().splitlines()

    assert (first.returncode, second.returncode) == (0, 0)
    assert "--require-hashes" in call
    assert call.endswith("-r requirements.lock")


@pytest.mark.parametrize(
    ("pin", "edited", "lacks"),
    [
        (r"^openai==.*", "openai==99.0", "openai==99.0"),
        (r"^psycopg\[.*", "psycopg[binary]==99.0", "psycopg[binary]==99.0"),
        (r"\Z", "newcomer==1.0\n", "newcomer==1.0"),
    ],
)
def test_make_tells_of_a_forgotten_lock(clone: Path, pin: str, edited: str, lacks: str):
    """It installs nothing then: the edit would otherwise be without effect, silently."""
    file = clone / "requirements.txt"
    text, edits = re.subn(pin, edited, file.read_text(), count=1, flags=re.MULTILINE)
    file.write_text(text)
    done = make(clone)

    assert edits == 1
    assert done.returncode != 0
    assert f"requirements.lock lacks {lacks}: run make lock." in done.stdout
    assert not (clone / "calls").exists()
