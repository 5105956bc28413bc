"""Several hosts behind one adapter: shared calls, one list, and a dead one hides nothing."""

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from lib.core.chat import NO_MODEL, Counts, HasHosts, Message, Provider, Request
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from tests.contract.conftest import EITHER_WAY, GEMMA, QWEN, SMALL_OLLAMA, chats, done_of
from tests.fakes import FakeServer
from tests.unit.builders import deaf_server, silent_server, site


def ollama(urls: list[str]) -> Provider:
    return Ollama(urls, 10)


def vllm(urls: list[str]) -> Provider:
    return VLLM([f"{url}/v1" for url in urls], None, 10)


def test_calls_are_balanced_over_hosts(fake: FakeServer) -> None:
    """Two hosts share the calls that are open at the same time."""
    with FakeServer() as second, closing(Ollama([fake.url, second.url], 10)) as provider:
        before = [len(chats(one)) for one in (fake, second)]
        open_ones = []
        for _ in range(4):
            events = provider.stream(Request(GEMMA, (Message("user", "a b #pace=0.2"),)))
            next(events)
            open_ones.append(events)
        for events in open_ones:
            list(events)
        after = [len(chats(one)) for one in (fake, second)]

    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 2]


def test_the_models_of_all_hosts_are_listed_and_answer(fake: FakeServer) -> None:
    """The list is the union, and a model only one host has is asked there, every time."""
    with site(SMALL_OLLAMA) as small, closing(Ollama([fake.url, small.url], 10)) as provider:
        names = [info.name for info in provider.models()]
        finishes = {done_of(provider, "hi", model).finish for model in (GEMMA, "small") * 3}

    assert {"gemma3:4b", "llama3.2:3b", "qwen3.5:4b", "small"} == set(names)
    assert finishes == {"stop"}


def test_two_vllm_servers_with_a_model_each(fake: FakeServer) -> None:
    """The same holds for OpenAI-compatible servers, where one model per server is the rule."""
    other = {"/v1/models": {"object": "list", "data": [{"id": "other", "object": "model"}]}}
    with (
        site(other) as second,
        closing(VLLM([f"{second.url}/v1", f"{fake.url}/v1"], None, 10)) as provider,
    ):
        names = {info.name for info in provider.models()}
        finishes = {done_of(provider, "hi", "Qwen/Qwen3-4B").finish for _ in range(4)}

    assert names == {"other", "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen3-4B"}
    assert finishes == {"stop"}


def test_one_dead_host_hides_nothing(fake: FakeServer, dead_address: str) -> None:
    """The models of the living host are listed, and its calls go on."""
    with closing(Ollama([f"http://{dead_address}", fake.url], 10)) as provider:
        listed = provider.models()
        finishes = {done_of(provider, "hi").finish for _ in range(4)}

    assert GEMMA in [info.name for info in listed]
    assert finishes == {"stop"}


@EITHER_WAY
@pytest.mark.parametrize("make", [ollama, vllm])
def test_a_dead_host_costs_no_call(
    fake: FakeServer, dead_address: str, make: Callable[[list[str]], Provider], stream: bool
) -> None:
    """Nobody listed anything yet: the call that is refused goes to the next host by itself."""
    model = GEMMA if make is ollama else QWEN
    with closing(make([f"http://{dead_address}", fake.url])) as provider:
        finishes = {done_of(provider, "hi", model, stream=stream).finish for _ in range(4)}

    assert finishes == {"stop"}


def test_a_count_goes_to_the_next_host_too(fake: FakeServer, dead_address: str) -> None:
    """Whoever writes a prompt sees its tokens, whichever host counts."""
    with closing(vllm([f"http://{dead_address}", fake.url])) as provider:
        assert isinstance(provider, Counts)
        counts = [provider.count(Request(QWEN, (Message("user", "a b"),))) for _ in range(2)]

    assert all(counts)


@EITHER_WAY
@pytest.mark.parametrize("make", [ollama, vllm])
def test_a_named_host_is_the_one_asked(
    fake: FakeServer, make: Callable[[list[str]], Provider], stream: bool
) -> None:
    """Whoever measures a server gets its answers, and no other one's."""
    model = GEMMA if make is ollama else QWEN
    with FakeServer() as second, closing(make([fake.url, second.url])) as provider:
        provider.models()
        assert isinstance(provider, HasHosts)
        before, wanted = len(fake.asked), provider.hosts[1]
        for _ in range(3):
            done_of(provider, "hi", model, stream=stream, host=wanted)

        assert provider.having(model) == list(provider.hosts)
        assert (len(fake.asked) - before, len(second.asked)) == (0, 3)


def test_a_model_that_one_host_has_lost(fake: FakeServer) -> None:
    """Deleted, or not in the fresh container that came back: the host that has it answers."""
    tags = {"/api/tags": {"models": [{"model": GEMMA}]}}
    with site(tags) as lost, closing(ollama([lost.url, fake.url])) as provider:
        provider.models()
        finishes = {done_of(provider, "hi").finish for _ in range(4)}

    assert finishes == {"stop"}
    assert lost.asked.count("/api/chat") == 1


def test_silent_hosts_hold_the_list_up_together_not_in_turn(fake: FakeServer) -> None:
    """Two hosts that hang, one of them while connecting, cost three seconds once."""
    with silent_server() as mute, deaf_server() as deaf:
        hosts = [f"http://{mute}", f"http://{deaf}", fake.url]
        with closing(Ollama(hosts, 10)) as provider:
            started = time.monotonic()
            listed = provider.models()
            lasted = time.monotonic() - started

    assert GEMMA in [info.name for info in listed]
    assert lasted < 5.5


def test_no_host_at_all_is_one_entry_with_the_next_step(dead_address: str) -> None:
    """The picker shows why there is nothing, and what turns it on."""
    with closing(Ollama([f"http://{dead_address}"], 10)) as provider:
        (info,) = provider.models()

    assert (info.name, info.available) == (NO_MODEL, False)
    assert "ollama serve" in str(info.reason)
    assert dead_address not in str(info.reason)
