"""What a server says of itself, made fit to show, to keep and to add up."""

import pytest

from lib.core.chat import Usage
from lib.core.heard import clean, is_name, plausible, whole


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("0.33.0", "0.33.0"),
        (" Q4_K_M\n", "Q4_K_M"),
        ("größer 模型 नमस्ते", "größer 模型 नमस्ते"),
        ("a\x00b\x1b[31m\x7f", "ab[31m"),
        ("a\ud800b", "ab"),
        ("\u202eevil\u2066\u200b\ufeff", "evil"),
        ("x" * 500, "x" * 200),
        *((nothing, None) for nothing in ("", " ", "\n", "\ud800", None, 5, ["a"], b"a")),
    ],
)
def test_a_text_is_made_fit_to_show(said: object, kept: str | None) -> None:
    """Nothing unseen stays in it, and it is short; no text at all is unknown."""
    assert clean(said) == kept


@pytest.mark.parametrize("said", ["gemma3:4b", "Qwen/Qwen2.5-VL-3B", "a b", "x" * 300])
def test_a_name_that_can_be_asked_for(said: str) -> None:
    assert is_name(said)


@pytest.mark.parametrize("said", ["", " a", "a\n", "\ud800", "a\u202eb", "x" * 301, None, 5])
def test_a_name_nobody_could_ask_for(said: object) -> None:
    """Shown without its odd signs it would be the name of another model."""
    assert not is_name(said)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        *((number, number) for number in (0, 1, 2**53)),
        *((odd, None) for odd in (-1, 2**53 + 1, 10**400, 1e3, float("nan"), True, "5", None)),
    ],
)
def test_a_number_is_whole_and_not_absurd(said: object, known: int | None) -> None:
    assert whole(said) == known


def test_counts_no_call_can_have_are_unknown() -> None:
    """Each by itself; a billion is still believed."""
    absurd = Usage(9 * 10**18, -1, 10**9, 10**9 + 1, int(1e30))

    assert plausible(absurd) == Usage(None, None, 10**9, None, None)
    assert plausible(Usage(7, 0, 0, 0, 0)) == Usage(7, 0, 0, 0, 0)
    assert plausible(Usage()) == Usage()
