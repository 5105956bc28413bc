"""What Ollama alone needs: a window large enough, several hosts, and no reading of our disk."""

import base64
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import NO_MODEL, Done, Media, Message, Request
from lib.core.errors import AppError, NoConnection
from lib.providers.ollama import Ollama
from lib.providers.vllm import VLLM
from tests.fakes import FakeServer
from tests.unit.builders import deaf_server, silent_server, site

MODEL = "gemma3:4b"
ANSWERS = {
    "/api/tags": {"models": [{"model": "small"}]},
    "/api/show": {"model_info": {"small.context_length": 2048}, "capabilities": ["completion"]},
    "/api/chat": [{"message": {"role": "assistant", "content": "ok"}, "done": True}],
}


@pytest.fixture
def ollama(fake: FakeServer) -> Iterator[Ollama]:
    with closing(Ollama([fake.url], 10)) as provider:
        yield provider


def ask(provider: Any, text: str, model: str = MODEL, **options: Any) -> Done:
    *_, done = provider.stream(Request(model, (Message("user", text),), **options))
    assert isinstance(done, Done)
    return done


def chats(fake: FakeServer) -> list[Any]:
    return [call for call in fake.calls if call.path == "/api/chat"]


def window(fake: FakeServer) -> int:
    return chats(fake)[-1].body["options"]["num_ctx"]


def test_a_window_is_always_sent(ollama: Ollama, fake: FakeServer) -> None:
    """Even a short prompt names its window, since Ollama's own may be smaller than the answer."""
    ask(ollama, "hello")

    assert window(fake) >= 8192


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("word " * 12_000, 12_000, id="words"),
        pytest.param("7" * 20_000, 20_000, id="digits"),
        pytest.param("漢字" * 10_000, 20_000, id="Chinese"),
    ],
)
def test_the_window_holds_prompt_and_answer(
    ollama: Ollama, fake: FakeServer, text: str, tokens: int
) -> None:
    """Words, numbers and other scripts fit, with all of the answer."""
    ask(ollama, f"{text} #tokens=1", max_tokens=3000)

    assert window(fake) >= tokens + 3000


def test_system_prompt_and_history_count_too(ollama: Ollama, fake: FakeServer) -> None:
    """What was said before is a part of the prompt."""
    history = (
        Message("user", "a " * 5000),
        Message("assistant", "b " * 5000),
        Message("user", "c"),
    )
    list(ollama.stream(Request(MODEL, history, system="d " * 5000)))

    assert window(fake) >= 15_000


def test_windows_come_in_steps(ollama: Ollama, fake: FakeServer) -> None:
    """A few more words do not ask for another window: that would load the model anew."""
    windows = set()
    for words in (100, 1000, 2000, 3000):
        ask(ollama, "word " * words + "#tokens=1")
        windows.add(window(fake))

    assert len(windows) <= 2


def test_the_window_ends_at_the_models_own_limit(ollama: Ollama, fake: FakeServer) -> None:
    """More than the model was trained for is never asked, be the prompt as long as it likes."""
    ask(ollama, "word " * 200_000 + "#tokens=1")

    assert window(fake) == 131_072


def test_a_small_model_gets_its_small_window() -> None:
    """The limit of /api/show holds for short prompts too."""
    with site(ANSWERS) as small, closing(Ollama([small.url], 10)) as provider:
        ask(provider, "hello", "small")

    assert small.bodies[small.asked.index("/api/chat")]["options"]["num_ctx"] == 2048


def test_a_host_without_show_still_answers() -> None:
    """An old or partial server that cannot describe its models is used all the same."""
    answers = {path: answer for path, answer in ANSWERS.items() if path != "/api/show"}
    with site(answers) as old, closing(Ollama([old.url], 10)) as provider:
        listed = provider.models()
        done = ask(provider, "hello", "small")

    assert [(info.name, info.available) for info in listed] == [("small", True)]
    assert listed[0].context_tokens is None
    assert done.finish == "stop"
    assert old.bodies[-1]["options"]["num_ctx"] == 8192


def test_show_is_asked_once_for_many_calls(ollama: Ollama, fake: FakeServer) -> None:
    """Looking a model up does not double the calls."""
    before = len(fake.calls)
    for _ in range(5):
        ask(ollama, "hello")
    paths = [call.path for call in fake.calls[before:]]

    assert paths.count("/api/chat") == 5
    assert 1 <= paths.count("/api/show") <= 2  # a second one when a minute begins in between


def test_a_silently_cut_prompt_is_told(ollama: Ollama) -> None:
    """When the server counted far fewer tokens than the prompt must have, the answer says so."""
    assert ask(ollama, "word " * 200_000 + "#tokens=1").prompt_cut


@pytest.mark.parametrize("words", [1, 700, 5000, 100_000])
def test_a_prompt_that_fits_is_never_called_cut(ollama: Ollama, words: int) -> None:
    """No false alarm, neither for a short prompt nor for a long one."""
    assert not ask(ollama, "word " * words + "#tokens=1").prompt_cut


def test_a_short_prompt_is_never_called_cut(ollama: Ollama) -> None:
    """Few tokens for many characters prove nothing while the prompt is short."""
    assert not ask(ollama, "a" * 3000 + " #tokens=1").prompt_cut


def test_an_uncounted_prompt_is_not_called_cut(ollama: Ollama) -> None:
    """A server that does not count gives no reason to suspect a cut."""
    assert not ask(ollama, "word " * 3000 + "#fault=no_usage").prompt_cut


def test_pictures_are_bytes_never_paths(ollama: Ollama, fake: FakeServer, tmp_path: Path) -> None:
    """Picture data that looks like a path of this server is sent as it is, not read from disk."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    name = str(secret).encode()
    message = Message("user", "look", (Media("image/png", name),))
    list(ollama.stream(Request(MODEL, (message,))))

    sent = chats(fake)[-1].body["messages"][0]["images"]
    assert sent == [base64.b64encode(name).decode()]


def test_a_path_as_text_cannot_be_a_picture(ollama: Ollama, fake: FakeServer) -> None:
    """Even a caller's mistake, text where bytes belong, reads nothing and sends nothing."""
    before = len(chats(fake))
    wrong: Any = "/etc/hostname"
    message = Message("user", "look", (Media("image/png", wrong),))
    with pytest.raises((AppError, TypeError)):
        list(ollama.stream(Request(MODEL, (message,))))

    assert len(chats(fake)) == before


def test_calls_are_balanced_over_hosts(fake: FakeServer) -> None:
    """Two hosts share the calls that are open at the same time."""
    with FakeServer() as second, closing(Ollama([fake.url, second.url], 10)) as provider:
        before = [len(chats(one)) for one in (fake, second)]
        open_ones = []
        for _ in range(4):
            events = provider.stream(Request(MODEL, (Message("user", "a b #pace=0.2"),)))
            next(events)
            open_ones.append(events)
        for events in open_ones:
            list(events)
        after = [len(chats(one)) for one in (fake, second)]

    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 2]


def test_the_models_of_all_hosts_are_listed_and_answer(fake: FakeServer) -> None:
    """The list is the union, and a model only one host has is asked there, every time."""
    with site(ANSWERS) as small, closing(Ollama([fake.url, small.url], 10)) as provider:
        names = [info.name for info in provider.models()]
        finishes = {ask(provider, "hi", model).finish for model in (MODEL, "small") * 3}

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
        finishes = {ask(provider, "hi", "Qwen/Qwen3-4B").finish for _ in range(4)}

    assert names == {"other", "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen3-4B"}
    assert finishes == {"stop"}


def test_one_dead_host_hides_nothing(fake: FakeServer, dead_address: str) -> None:
    """The models of the living host are listed, and its calls go on."""
    with closing(Ollama([f"http://{dead_address}", fake.url], 10)) as provider:
        listed = provider.models()
        finishes = {ask(provider, "hi").finish for _ in range(4)}

    assert MODEL in [info.name for info in listed]
    assert finishes == {"stop"}


def test_an_unlisted_model_survives_a_dead_host(fake: FakeServer, dead_address: str) -> None:
    """Without a list, at most the first call fails; then the dead host rests."""
    failed = 0
    with closing(Ollama([f"http://{dead_address}", fake.url], 10)) as provider:
        for _ in range(6):
            try:
                ask(provider, "hi")
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

    assert MODEL in [info.name for info in listed]
    assert lasted < 5.5


def test_no_host_at_all_is_one_entry_with_the_next_step(dead_address: str) -> None:
    """The picker shows why there is nothing, and what turns it on."""
    with closing(Ollama([f"http://{dead_address}"], 10)) as provider:
        (info,) = provider.models()

    assert (info.name, info.available) == (NO_MODEL, False)
    assert "ollama serve" in str(info.reason)
    assert dead_address not in str(info.reason)
