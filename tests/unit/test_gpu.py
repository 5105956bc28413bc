"""What nvidia-smi says of this machine, whatever it says; a script plays its part."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.store import gpu
from lib.store.gpu import MachineGpu, Smi
from tests.unit.builders import Clock

MIB = 2**20
RTX = "NVIDIA GeForce RTX 4090, 24564, 512, 550.54.15"
ASKED = "--query-gpu=name,memory.total,memory.used,driver_version --format=csv,noheader,nounits"

Install = Callable[[str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install(shell)` puts a nvidia-smi that runs this first in PATH; returns its log of calls."""
    calls = tmp_path / "calls"
    calls.touch()

    def install(shell: str) -> Path:
        script = tmp_path / "nvidia-smi"
        script.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n{shell}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return calls

    return install


def saying(*lines: str) -> str:
    return "cat <<'END'\n" + "\n".join(lines) + "\nEND"


def test_each_gpu_in_its_order(install: Install) -> None:
    """Name, memory and driver as the tool gives them; its MiB become bytes."""
    calls = install(saying(RTX, "NVIDIA H100 PCIe, 81559, 0, 550.54.15"))

    assert Smi().gpus() == (
        MachineGpu("NVIDIA GeForce RTX 4090", 24564 * MIB, 512 * MIB, "550.54.15"),
        MachineGpu("NVIDIA H100 PCIe", 81559 * MIB, 0, "550.54.15"),
    )
    assert calls.read_text() == f"{ASKED}\n"


@pytest.mark.parametrize("cell", ["[N/A]", "[Not Supported]", "[Unknown Error]", "", "-1"])
def test_what_it_cannot_say_is_unknown(install: Install, cell: str) -> None:
    """None, never 0; without its memory a GPU is of no use to anybody and left out."""
    install(saying(f"GPU a, 100, {cell}, {cell}", f"GPU b, {cell}, 1, 550.54"))

    assert Smi().gpus() == (MachineGpu("GPU a", 100 * MIB, None, None),)


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 15, "²"])
def test_an_absurd_number_is_unknown(install: Install, digits: str) -> None:
    """More memory than there is on earth; thousands of digits, which Python refuses to read."""
    install(saying(f"GPU a, 100, {digits}, 1.0", f"GPU b, {digits}, 1, 1.0"))

    assert Smi().gpus() == (MachineGpu("GPU a", 100 * MIB, None, "1.0"),)


@pytest.mark.parametrize("line", ["GPU a, 0, 0, 550.54", " \x01, 100, 1, 550.54"])
def test_a_gpu_without_memory_or_name_is_none(install: Install, line: str) -> None:
    """A driver that has lost its card says so; a share of no memory is no number."""
    install(saying(line))

    assert Smi().gpus() == ()


def test_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most machines have none."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert Smi().gpus() == ()


@pytest.mark.parametrize(
    "shell",
    [
        saying("NVIDIA-SMI has failed because it couldn't talk to the driver.") + "\nexit 9",
        saying(RTX) + "\nexit 14",
        saying("No devices were found"),
        "printf '\\377\\0, 1, 1'",
        "",
    ],
)
def test_a_tool_that_fails(install: Install, shell: str) -> None:
    """Whatever it prints then describes no GPU."""
    install(shell)

    assert Smi().gpus() == ()


def test_a_tool_that_is_no_program(install: Install, tmp_path: Path) -> None:
    """A file that cannot be run is as good as none."""
    install("")
    (tmp_path / "nvidia-smi").write_bytes(b"\x7fELF no")

    assert Smi().gpus() == ()


def test_an_answer_is_kept_for_some_seconds(install: Install) -> None:
    """Twenty pages ask the tool once; later it is asked anew."""
    calls, clock = install(saying(RTX)), Clock()
    smi = Smi(clock)
    first = [smi.gpus() for _ in range(20)]
    install(saying("GPU a, 100, 1, 1.0"))
    clock.time += gpu.KEPT_S

    assert smi.gpus()[0].name == "GPU a"
    assert {found[0].name for found in first} == {"NVIDIA GeForce RTX 4090"}
    assert len(calls.read_text().splitlines()) == 2


def test_a_driver_that_hangs_is_left_alone(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page waits for a moment, those of the next minute do not; then it is tried again."""
    monkeypatch.setattr(gpu, "WITHIN_S", 0.2)
    calls, clock = install("sleep 20"), Clock()
    smi, started = Smi(clock), time.monotonic()
    hung = smi.gpus()
    clock.time += gpu.KEPT_AFTER_HANGING_S - 1
    assert smi.gpus() == hung == ()
    assert time.monotonic() - started < 5
    assert len(calls.read_text().splitlines()) == 1
    install(saying(RTX))
    clock.time += 1

    assert len(smi.gpus()) == 1


def test_the_process_has_one_answer_for_all(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks, it is asked for once."""
    monkeypatch.setattr(gpu, "_smi", Smi())
    calls = install(saying(RTX))

    assert gpu.gpus() == gpu.gpus() != ()
    assert len(calls.read_text().splitlines()) == 1
