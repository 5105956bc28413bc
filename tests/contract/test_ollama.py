"""What Ollama alone needs: a window large enough, and no reading of our disk."""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media, Message, Request
from lib.core.errors import AppError
from lib.providers.ollama import Ollama
from tests.contract.conftest import GEMMA, SMALL_OLLAMA, chats, done_of
from tests.fakes import FakeServer
from tests.unit.builders import site


@pytest.fixture
def ollama(fake: FakeServer) -> Iterator[Ollama]:
    with closing(Ollama([fake.url], 10)) as provider:
        yield provider


def window(fake: FakeServer) -> int:
    return chats(fake)[-1].body["options"]["num_ctx"]


def test_a_window_is_always_sent(ollama: Ollama, fake: FakeServer) -> None:
    """Even a short prompt names its window, since Ollama's own may be smaller than the answer."""
    done_of(ollama, "hello")

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
    done_of(ollama, f"{text} #tokens=1", max_tokens=3000)

    assert window(fake) >= tokens + 3000


def test_system_prompt_and_history_count_too(ollama: Ollama, fake: FakeServer) -> None:
    """What was said before is a part of the prompt."""
    history = (
        Message("user", "a " * 5000),
        Message("assistant", "b " * 5000),
        Message("user", "c"),
    )
    list(ollama.stream(Request(GEMMA, history, system="d " * 5000)))

    assert window(fake) >= 15_000


def test_windows_come_in_steps(ollama: Ollama, fake: FakeServer) -> None:
    """A few more words do not ask for another window: that would load the model anew."""
    windows = set()
    for words in (100, 1000, 2000, 3000):
        done_of(ollama, "word " * words + "#tokens=1")
        windows.add(window(fake))

    assert len(windows) <= 2


def test_the_window_ends_at_the_models_own_limit(ollama: Ollama, fake: FakeServer) -> None:
    """More than the model was trained for is never asked, be the prompt as long as it likes."""
    done_of(ollama, "word " * 200_000 + "#tokens=1")

    assert window(fake) == 131_072


def test_a_small_model_gets_its_small_window() -> None:
    """The limit of /api/show holds for short prompts too."""
    with site(SMALL_OLLAMA) as small, closing(Ollama([small.url], 10)) as provider:
        done_of(provider, "hello", "small")

    assert small.bodies[small.asked.index("/api/chat")]["options"]["num_ctx"] == 2048


def test_a_host_without_show_still_answers() -> None:
    """An old or partial server that cannot describe its models is used all the same."""
    answers = {path: answer for path, answer in SMALL_OLLAMA.items() if path != "/api/show"}
    with site(answers) as old, closing(Ollama([old.url], 10)) as provider:
        listed = provider.models()
        done = done_of(provider, "hello", "small")

    assert [(info.name, info.available) for info in listed] == [("small", True)]
    assert listed[0].context_tokens is None
    assert done.finish == "stop"
    assert old.bodies[-1]["options"]["num_ctx"] == 8192


def test_show_is_asked_once_for_many_calls(ollama: Ollama, fake: FakeServer) -> None:
    """Looking a model up does not double the calls."""
    before = len(fake.calls)
    for _ in range(5):
        done_of(ollama, "hello")
    paths = [call.path for call in fake.calls[before:]]

    assert paths.count("/api/chat") == 5
    assert 1 <= paths.count("/api/show") <= 2  # a second one when a minute begins in between


def test_a_silently_cut_prompt_is_told(ollama: Ollama) -> None:
    """When the server counted far fewer tokens than the prompt must have, the answer says so."""
    assert done_of(ollama, "word " * 200_000 + "#tokens=1").prompt_cut


@pytest.mark.parametrize(
    "text",
    [
        *("word " * words + "#tokens=1" for words in (1, 700, 5000, 100_000)),
        "a" * 3000 + " #tokens=1",
        "word " * 3000 + "#fault=no_usage",
    ],
    ids=["1", "700", "5000", "100000", "one long word", "uncounted"],
)
def test_a_prompt_that_fits_is_never_called_cut(ollama: Ollama, text: str) -> None:
    """Neither a short prompt, a long one, one of few tokens, nor one nobody counted is suspect."""
    assert not done_of(ollama, text).prompt_cut


def test_pictures_are_bytes_never_paths(ollama: Ollama, fake: FakeServer, tmp_path: Path) -> None:
    """Picture data that looks like a path of this server is sent as it is, not read from disk."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    name = str(secret).encode()
    message = Message("user", "look", (Media("image/png", name),))
    list(ollama.stream(Request(GEMMA, (message,))))

    sent = chats(fake)[-1].body["messages"][0]["images"]
    assert sent == [base64.b64encode(name).decode()]


def test_a_path_as_text_cannot_be_a_picture(ollama: Ollama, fake: FakeServer) -> None:
    """Even a caller's mistake, text where bytes belong, reads nothing and sends nothing."""
    before = len(chats(fake))
    wrong: Any = "/etc/hostname"
    message = Message("user", "look", (Media("image/png", wrong),))
    with pytest.raises((AppError, TypeError)):
        list(ollama.stream(Request(GEMMA, (message,))))

    assert len(chats(fake)) == before
