"""Several hosts behind one adapter: shared calls, one list, and a dead one hides nothing."""

import time
from contextlib import closing

from lib.core.chat import NO_MODEL, Message, Request
from lib.core.errors import NoConnection
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from tests.contract.conftest import GEMMA, SMALL_OLLAMA, chats, done_of
from tests.fakes import FakeServer
from tests.unit.builders import deaf_server, silent_server, site


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


def test_an_unlisted_model_survives_a_dead_host(fake: FakeServer, dead_address: str) -> None:
    """Without a list, at most the first call fails; then the dead host rests."""
    failed = 0
    with closing(Ollama([f"http://{dead_address}", fake.url], 10)) as provider:
        for _ in range(6):
            try:
                done_of(provider, "hi")
            except NoConnection:
                failed += 1

    assert failed <= 1


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
