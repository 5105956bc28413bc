"""On what a model is measured: what its server says, and this machine's GPU if that is its own."""

from pathlib import Path
from typing import Any

import pytest

from lib.store import gpu
from lib.work.app import App
from lib.work.speed_facts import Facts, facts
from tests.contract.conftest import SMALL_OLLAMA
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, running, site

CARD = "NVIDIA GeForce RTX 4090, 24564, 512, 550.54"
AWAY = "http://10.9.8.7:11434"


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(gpu, "_smi", gpu.Smi())


def gpu_at(app: App, host: str | None, model: str = "ollama/x") -> str | None:
    return facts(app, app.models.find(model), host).gpu


def test_this_machines_gpus(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of the estimate's table, for the server that computes here, and no other."""
    nvidia_smi(tmp_path, monkeypatch, CARD, CARD)
    with running(fake, tmp_path, ollama_host=f"{fake.url},{AWAY}") as app:
        assert gpu_at(app, fake.url) == "2 × RTX 4090"
        assert gpu_at(app, AWAY) is None
        assert gpu_at(app, None, GEMINI) is None


@pytest.mark.parametrize(("cards", "known"), [([CARD], "RTX 4090"), ([CARD, CARD], None)])
def test_two_servers_on_this_machine(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: Any, known: Any
) -> None:
    """They share one GPU; of two, each may have its own, and nobody says which."""
    nvidia_smi(tmp_path, monkeypatch, *cards)
    with running(fake, tmp_path, ollama_host=f"{fake.url},http://localhost:1") as app:
        assert gpu_at(app, fake.url) == known


def test_the_facts_are_those_of_the_server(fake: FakeServer, tmp_path: Path) -> None:
    """Another one may have the same model otherwise quantised, in another version."""
    tags = {"models": [{"model": "gemma3:4b", "details": {"quantization_level": "Q8_0"}}]}
    other = SMALL_OLLAMA | {
        "/api/tags": tags, "/api/version": {"version": "0.9.9"}, "/api/ps": {"models": []},
    }  # fmt: skip
    with (
        site(other) as second,
        running(fake, tmp_path, ollama_host=f"{fake.url},{second.url}") as app,
    ):
        choice = app.models.find(OLLAMA)

        assert facts(app, choice, fake.url) == Facts("Ollama", "0.33.0", "Q4_K_M")
        assert facts(app, choice, second.url) == Facts("Ollama", "0.9.9", "Q8_0")


def test_a_server_that_does_not_answer(fake: FakeServer, tmp_path: Path, dead_address: str) -> None:
    """Nothing is known of it, whatever the other one says."""
    dead = f"http://{dead_address}"
    with running(fake, tmp_path, ollama_host=f"{fake.url},{dead}") as app:
        assert facts(app, app.models.find(OLLAMA), dead) == Facts("Ollama")
