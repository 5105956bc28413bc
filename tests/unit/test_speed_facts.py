"""Which GPU a model is measured on: this machine's, if it is computed here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import ModelInfo
from lib.store import gpu
from lib.work.speed_facts import facts
from tests.fakes import FakeServer
from tests.unit.builders import VLLM, running


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(gpu, "_smi", gpu.Smi())


@pytest.mark.parametrize(
    ("settings", "gpu"),
    [({}, "2 × RTX 4090"), ({"ollama_host": "http://10.9.8.7:11434"}, None)],
    ids=["here", "elsewhere"],
)
def test_this_machines_gpus(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, gpu: str
) -> None:
    """By the name of the estimate's table, for models that are computed here."""
    card = "NVIDIA GeForce RTX 4090, 24564, 512, 550.54"
    nvidia_smi(tmp_path, monkeypatch, card, card)
    with running(fake, tmp_path, **settings) as app:
        found = facts(app, replace(app.models.find(VLLM), info=ModelInfo("ollama", "x")))

    assert found.gpu == gpu
