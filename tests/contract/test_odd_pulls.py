"""Servers that say odd things while they download a model: unknown, bounded, and never endless."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from lib.core.errors import AppError, BadReply, Unreachable
from lib.providers import ollama_pull
from lib.providers.ollama_library import OllamaLibrary
from tests.contract.odd_server import DIGITS, ODD_NUMBERS, server


def pull(*said: bytes) -> list[ollama_pull.PullStep]:
    with (
        server({"/api/pull": lambda: iter(said)}) as url,
        closing(OllamaLibrary([url], 10)) as library,
    ):
        return list(library.pull(url, "a:b"))


SUCCESS = b'{"status": "success"}\n'


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda number: number[:9].decode())
def test_odd_bytes_of_a_download_are_unknown(number: bytes) -> None:
    """It goes on and ends as any other."""
    if number is DIGITS:
        number = b"1" + b"0" * 400
    said = b'{"status": "x\\ud800\\u202e", "digest": "d", "total": %s, "completed": %s}\n'
    first, last = pull(said % (number, number), SUCCESS)

    assert first == ollama_pull.PullStep("x", "d", None, None)
    assert last.status == "success"


def test_a_word_without_end_ends_the_download() -> None:
    """After a megabyte; nobody's memory is filled."""
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        for n in range(2000):
            sent.append(n)
            yield b'{"status": "' if n == 0 else b"x" * 100_000

    with (
        server({"/api/pull": endless}) as url,
        closing(OllamaLibrary([url], 10)) as library,
        pytest.raises(BadReply),
    ):
        list(library.pull(url, "a:b"))

    assert len(sent) < 500


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"[1]\n", BadReply),
        (b"\xff\n", BadReply),
        (b"{\n", BadReply),
        (b"[" * 100_000 + b"\n", BadReply),
        (b'{"error": {"a": "\\ud800"}}\n', Unreachable),
    ],
)
def test_a_word_that_is_none_ends_it_too(said: bytes, kind: type[AppError]) -> None:
    with pytest.raises(kind):
        pull(said, SUCCESS)


def test_words_may_come_in_any_pieces() -> None:
    """Cut in the middle of a character, several at once, the last one without its line's end."""
    said = '{"status": "größer"}\n{"status": "b"}\n'.encode() + SUCCESS.strip()
    steps = pull(*(said[n : n + 1] for n in range(len(said))))

    assert [step.status for step in steps] == ["größer", "b", "success"]
    assert pull(said) == steps
