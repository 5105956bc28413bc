"""Fair timing: which models share a machine, and who waits for whom."""

from typing import Any

import pytest

from lib.core.chat import ModelInfo
from lib.store.settings import Settings
from lib.work.lanes import THIS_MACHINE, machines, queue

HERE = frozenset({THIS_MACHINE})


def on(provider: str, **settings: Any) -> frozenset[str]:
    return machines(Settings(**settings), ModelInfo(provider, "m"))


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1:11434", "http://LOCALHOST:8000", "localhost.", "ollama.localhost",
        "127.0.0.2", "127.1", "0x7f000001", "[::1]:11434", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "0.0.0.0", "[::]",
    ],
)  # fmt: skip
def test_every_spelling_of_loopback_is_this_machine(host: str) -> None:
    assert on("ollama", ollama_host=host) == HERE


def test_a_host_is_one_machine_whatever_its_port() -> None:
    """Two servers on one host compute on the same GPUs; another host is another machine."""
    settings: dict[str, Any] = {
        "ollama_host": "gpu-1:11434,http://GPU-2.:11434", "vllm_base_url": "https://gpu-2:8000/v1",
    }  # fmt: skip

    assert on("ollama", **settings) == {"gpu-1", "gpu-2"}
    assert on("vllm", **settings) == {"gpu-2"}


def test_an_address_has_one_name() -> None:
    one = on("ollama", ollama_host="http://[2001:DB8::1]:11434")

    assert one == on("vllm", vllm_base_url="http://[2001:db8:0::1]/v1")
    assert on("ollama", ollama_host="10.0.0.7") == {"10.0.0.7"}


def test_an_api_is_on_no_machine_of_ours() -> None:
    assert on("gemini", gemini_base_url="http://127.0.0.1:1") == frozenset()
    assert on("vllm") == frozenset()


def test_the_embedded_model_is_on_this_machine() -> None:
    assert on("embedded") == HERE


@pytest.mark.parametrize(
    ("providers", "waits"),
    [
        (["ollama"], [[]]),
        (["gemini", "gemini", "gemini", "gemini"], [[], [], [], []]),
        (["ollama", "ollama", "ollama"], [[], [0], [0, 1]]),
        (["ollama", "gemini", "vllm", "embedded"], [[], [], [], [0]]),
        (["vllm", "embedded", "vllm", "ollama"], [[], [], [0], [1]]),
    ],
)
def test_who_shares_a_machine_waits_for_those_before(
    providers: list[str], waits: list[list[int]]
) -> None:
    """In the order chosen; who computes elsewhere waits for nobody."""
    settings = Settings(ollama_host="localhost", vllm_base_url="http://far:8000/v1")

    assert queue(settings, [ModelInfo(provider, "m") for provider in providers]) == waits
