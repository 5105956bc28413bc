"""What each adapter says of its servers: how they are and what they have, asked at no cost."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.chat import ModelInfo, Provider
from lib.core.errors import AuthFailed, Unreachable
from lib.core.station import HostedModel, HostReport, Reports
from lib.providers.embedded import CONTEXT_TOKENS, Embedded
from lib.providers.gemini import Gemini
from lib.providers.gemini_bulk import GeminiBulk
from lib.providers.vllm import VLLM
from tests.contract.conftest import FLASH, QWEN
from tests.fakes import FakeServer
from tests.fakes.gemini_errors import BAD_KEY
from tests.fakes.openai import MAX_MODEL_LEN, VERSION
from tests.unit.builders import site

KNOWN = [
    ModelInfo("gemini", FLASH, input=("text", "image"), context_tokens=1_000_000),
    ModelInfo("gemini", "gemini-of-tomorrow"),
]


# vLLM


def test_a_vllm_server_tells_its_version_and_what_it_serves(fake: FakeServer) -> None:
    """A served model is loaded; what it takes of the memory, vLLM does not say."""
    with closing(VLLM([f"{fake.url}/v1"], None, 10)) as provider:
        (report,) = provider.report()

    assert (report.address, report.engine) == (f"{fake.url}/v1", "vLLM")
    assert (report.version, report.error) == (VERSION, None)
    assert report.models[0] == HostedModel(
        QWEN, context_tokens=MAX_MODEL_LEN, input=("text", "image"), loaded=True
    )


def test_a_server_that_is_no_vllm_has_no_version() -> None:
    """Another OpenAI-compatible server is reachable all the same."""
    cards = {"/v1/models": {"object": "list", "data": [{"id": "other", "object": "model"}]}}
    with site(cards) as other, closing(VLLM([f"{other.url}/v1"], None, 10)) as provider:
        (report,) = provider.report()

    assert (report.version, report.error) == (None, None)
    assert [model.name for model in report.models] == ["other"]


def test_every_host_is_told_of(fake: FakeServer, dead_address: str) -> None:
    """A dead one and one that does not accept the key, side by side."""
    hosts = [f"http://{dead_address}/v1", f"{fake.url}/v1"]
    with closing(VLLM(hosts, "bad", 10)) as provider:
        dead, refusing = provider.report()

    assert [dead.address, refusing.address] == hosts
    assert isinstance(dead.error, Unreachable)
    assert isinstance(refusing.error, AuthFailed)
    assert "VLLM_API_KEY" in refusing.error.hint


def test_an_address_without_v1_is_told_so() -> None:
    """The list of models is not there; nothing is said of a model without a name."""
    with site({"/other": {}}) as host, closing(VLLM([host.url], None, 10)) as provider:
        (report,) = provider.report()

    assert isinstance(report.error, Unreachable)
    assert "address" in report.error.hint


# Gemini


@pytest.fixture(params=["google-genai", "google-generativeai"])
def asked_with(request: pytest.FixtureRequest, fake: FakeServer) -> Callable[[str], HostReport]:
    """What the adapter of an SDK says with a key."""

    def make(key: str) -> Provider:
        if request.param == "google-genai":
            return Gemini(key, fake.url, 10, KNOWN)
        return GeminiBulk(key, fake.url, fake.grpc_target, 10, KNOWN)

    def report(key: str) -> HostReport:
        with closing(make(key)) as provider:
            assert isinstance(provider, Reports)
            (found,) = provider.report()
            return found

    return report


def test_a_key_is_tried_without_spending(
    asked_with: Callable[[str], HostReport], fake: FakeServer
) -> None:
    """Whichever SDK serves, no answer is asked for."""
    before = len(fake.asked)
    report = asked_with("k")

    assert (report.engine, report.error) == ("Gemini API", None)
    assert report.models[0] == HostedModel(FLASH, context_tokens=1_000_000, input=("text", "image"))
    assert len(fake.asked) == before


def test_a_key_that_is_not_accepted(asked_with: Callable[[str], HostReport]) -> None:
    """It says where to put a working one."""
    error = asked_with(BAD_KEY).error

    assert isinstance(error, AuthFailed)
    assert "GOOGLE_API_KEY" in error.hint


def test_only_models_that_the_key_opens_are_told(fake: FakeServer) -> None:
    """What the catalogue lists and Google does not give this key is left out."""
    with closing(Gemini("k", fake.url, 10, KNOWN)) as provider:
        (report,) = provider.report()

    assert [model.name for model in report.models] == [FLASH]
    assert report.address == fake.url


def test_google_that_is_away(dead_address: str) -> None:
    """No key is judged that nobody looked at."""
    with closing(Gemini("k", f"http://{dead_address}", 10, KNOWN)) as provider:
        (report,) = provider.report()

    assert isinstance(report.error, Unreachable)
    assert report.models == ()


# The embedded model


def test_the_embedded_model_is_told_without_loading_it(tmp_path: Path) -> None:
    """Its file says how large it is, and its name how its weights are stored."""
    pytest.importorskip("xllamacpp")
    file = tmp_path / "tiny-Q4_K_M.gguf"
    file.write_bytes(b"x" * 1234)
    with closing(Embedded(file, "tiny", None, 10)) as embedded:
        (report,) = embedded.report()

    assert (report.address, report.engine, report.error) == ("this server", "llama.cpp", None)
    assert report.version
    assert report.models == (
        HostedModel(
            "tiny", 1234, quantisation="Q4_K_M", context_tokens=CONTEXT_TOKENS, loaded=False
        ),
    )
