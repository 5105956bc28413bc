"""What is shown of a server's address, and read from the name of a weights file."""

import pytest

from lib.core.errors import NoConnection
from lib.core.station import HostReport
from lib.providers.embedded import quantisation
from lib.providers.reports import of_all, shown


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("https://me:secret@gpu.example/v1/", "https://gpu.example/v1"),
        ("https://me:p@ss@gpu.example", "https://gpu.example"),
        ("http://gpu.example/v1?key=secret#secret", "http://gpu.example/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("gpu.example:443", "gpu.example:443"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, address: str) -> None:
    """People see where a server is, never how one gets in."""
    assert shown(url) == address


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SmolLM2-135M-Instruct-Q8_0", "Q8_0"),
        ("gemma-3-4b-it-q4_k_m", "Q4_K_M"),
        ("model.IQ2_XXS", "IQ2_XXS"),
        ("qwen-bf16-00001-of-00003", "BF16"),
        ("Qwen3-4B", None),
        ("model", None),
    ],
)
def test_a_file_name_says_how_the_weights_are_stored(name: str, said: str | None) -> None:
    """As llama.cpp's own names have it; a name that says nothing is not guessed at."""
    assert quantisation(name) == said


def test_a_server_that_fails_is_one_report_among_the_others() -> None:
    """In the order of the servers, with the reason, and without its secrets."""

    def ask(url: str) -> HostReport:
        if "dead" in url:
            raise NoConnection("x")
        return HostReport(url, "vLLM")

    dead, alive = of_all(ask, ["http://me:secret@dead", "http://alive"], "vLLM")

    assert (dead.address, dead.engine, dead.models) == ("http://dead", "vLLM", ())
    assert isinstance(dead.error, NoConnection)
    assert alive == HostReport("http://alive", "vLLM")
