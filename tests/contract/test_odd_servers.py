"""Servers that say odd things, on purpose or not: what is odd is unknown, and nobody waits long."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from lib.core.errors import TimedOut
from lib.core.station import HostedModel, HostReport
from lib.providers import ollama, ollama_library
from lib.providers.ollama import Ollama
from lib.providers.ollama_library import OllamaLibrary
from lib.providers.vllm import VLLM
from tests.contract.odd_server import DIGITS, ODD_NUMBERS, server

OK: dict[str, Any] = {
    "/api/version": {"version": "0.33"},
    "/api/tags": {"models": [{"model": "a:b", "size": 5, "digest": "d"}]},
    "/api/ps": {"models": []},
    "/api/show": {"model_info": {"a.context_length": 8}, "capabilities": ["completion"]},
}


def trickle() -> Iterator[bytes]:
    """A byte now and then: never silent, never done."""
    for _ in range(200):
        time.sleep(0.05)
        yield b" "


def report(**answers: Any) -> HostReport:
    with (
        server(OK | {f"/api/{name}": said for name, said in answers.items()}) as url,
        closing(OllamaLibrary([url], 10)) as library,
    ):
        return library.report()[0]


def tags(cells: bytes) -> bytes:
    return b'{"models": [{"model": "a:b", %s}, {"model": "c:d", "size": 7}]}' % cells


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda number: number[:9].decode())
def test_an_odd_number_is_unknown(number: bytes) -> None:
    """And no reason to hide the server, its other models, or the model's other facts."""
    found = report(
        tags=tags(b'"digest": "d", "size": %s' % number),
        ps=b'{"models": [{"model": "a:b", "size": %s, "size_vram": %s, "context_length": %s}]}'
        % (number, number, number),
        show=b'{"model_info": {"a.context_length": %s}, "capabilities": ["vision"]}' % number,
    )

    assert found.error is None
    assert found.models == (
        HostedModel("a:b", input=("text", "image"), loaded=True),
        HostedModel("c:d", 7, input=("text", "image"), loaded=False),
    )


def test_odd_texts_are_made_fit_to_show() -> None:
    """Halves of characters, controls and turned writing are dropped; a million signs are cut."""
    found = report(
        version=b'{"version": "0.\\ud800\\u202e\\u000033"}',
        tags=tags(
            b'"details": {"quantization_level": "Q4\\udfff", "parameter_size": "%s"}' % DIGITS
        ),
    )

    assert found.version == "0.33"
    assert found.models[0].quantisation == "Q4"
    assert len(found.models[0].parameters or "") == 200


@pytest.mark.parametrize(
    "odd",
    [
        {"version": {"version": [1]}},
        {"show": [1]},
        {"show": {"model_info": 5, "capabilities": [{}, 5]}},
    ],
)
def test_an_answer_of_another_shape_is_no_fact(odd: dict[str, Any]) -> None:
    """A list where an object belongs hides at most what it would have said."""
    found = report(**odd)

    assert found.error is None
    assert [model.name for model in found.models] == ["a:b"]


NAMES = (
    b'{"models": [{"model": "\\ud800"}, {"model": "a\\u202e"}, {"size": 1}, 5, {"model": "ok"}]}'
)


def test_a_model_nobody_could_ask_for_is_left_out() -> None:
    """In the picker and in the report."""
    with server(OK | {"/api/tags": NAMES}) as url:
        with closing(OllamaLibrary([url], 10)) as library:
            assert library.names(url) == {"ok"}
            assert [model.name for model in library.report()[0].models] == ["ok"]
        with closing(Ollama([url], 10)) as provider:
            assert [info.name for info in provider.models()] == ["ok"]


def test_vllm_says_odd_things() -> None:
    cards = b'{"data": [{"id": "\\ud800"}, {"id": 5}, {"id": "ok", "max_model_len": -1}]}'
    answers = {"/v1/models": cards, "/version": b'{"version": "0.\\ud80026"}'}
    with server(answers) as url, closing(VLLM([f"{url}/v1"], None, 10)) as provider:
        (found,) = provider.report()
        (info,) = provider.models()

    assert (found.version, found.error) == ("0.26", None)
    assert found.models == (HostedModel("ok", loaded=True),)
    assert (info.name, info.context_tokens) == ("ok", None)


# Time


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ollama, ollama_library):
        monkeypatch.setattr(module, "LIST_S", 0.4)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("call", ["version", "tags", "ps"])
def test_a_server_that_trickles_is_silent(call: str) -> None:
    """Bytes that never become an answer do not keep anybody waiting."""
    begun = time.monotonic()
    found = report(**{call: trickle})

    assert isinstance(found.error, TimedOut)
    assert time.monotonic() - begun < 3


@pytest.mark.usefixtures("quick")
def test_the_lists_of_names_do_not_wait_either() -> None:
    """What the pulls and the pickers ask for."""
    begun = time.monotonic()
    with server(OK | {"/api/tags": trickle}) as url:
        with closing(OllamaLibrary([url], 10)) as library, pytest.raises(TimedOut):
            library.names(url)
        with closing(Ollama([url], 10)) as provider:
            assert not provider.models()[0].available

    assert time.monotonic() - begun < 3


@pytest.mark.usefixtures("quick")
def test_slow_facts_are_not_waited_for() -> None:
    """Twenty models at 0.15 s each: what is not told in time is unknown, until the next time."""

    def slowly() -> Iterator[object]:
        time.sleep(0.15)
        yield OK["/api/show"]

    many = {"models": [{"model": f"m{n:02}", "digest": str(n)} for n in range(20)]}
    begun = time.monotonic()
    with server(OK | {"/api/tags": many, "/api/show": slowly}) as url:
        with closing(OllamaLibrary([url], 10)) as library:
            first, second = library.report()[0], library.report()[0]
        with closing(Ollama([url], 10)) as provider:
            listed = provider.models()

    assert time.monotonic() - begun < 5
    assert len(first.models) == len(listed) == 20
    assert [bool(models[n].context_tokens) for models in (first.models, listed) for n in (0, 19)] \
        == [True, False] * 2  # fmt: skip
    assert known(second) > known(first) >= 1


def known(found: HostReport) -> int:
    return sum(model.context_tokens is not None for model in found.models)
