"""What is finished of a growing answer is frozen."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.markdown import finished

PIECES = [
    "Some words.", "A line\nand more", "- a\n- b", "- a\n\n- b", "1. a\n\n2. b", "10. a\n\n11. b",
    "1) a\n\n   more", "* a\n\n  * b", "| a | b |\n|---|---|\n| 1 | 2 |", "> quoted\n>\n> more",
    "```\ncode\n\nmore\n```", "```py\nx\n\n```", "~~~\n```\n\ncode\n~~~",
    "````\n```\n\nb\n```\n````",
    "```\na\n\n~~~\n\nb\n```", "``` `a` b", "$$\na\n\nb\n$$", "- a\n  ```\n  x\n\n  y\n  ```",
    "# Title", "---", "42", "3 apples", "```\nnever closed\n\nx", "<b>bold</b>", "`span`",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("\n\n".join)


def grow(text: str) -> list[str]:
    """The pieces an answer is frozen in when it comes character by character, and its tail."""
    pieces, shown = [], 0
    for end in range(len(text) + 1):
        if cut := finished(text[shown:end]):
            assert cut <= end - shown
            pieces.append(text[shown : shown + cut])
            shown += cut
    return [*pieces, text[shown:]]


def fences_open_at_end(piece: str) -> bool:
    """A plain reading of CommonMark for fences at the margin."""
    mark = ""
    for line in piece.split("\n"):
        if not mark and (found := re.match(r"(`{3,}(?=[^`]*$)|~{3,}|\${2,}(?=[^$]*$))", line)):
            mark = found[1]
        elif mark and re.fullmatch(rf"{re.escape(mark)}{re.escape(mark[0])}*\s*", line):
            mark = ""
    return bool(mark)


@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_frozen_pieces_are_whole_blocks(text: str):
    """A growing answer is frozen in pieces that join to it and cut no fence, list or table."""
    *frozen, tail = grow(text)

    assert "".join([*frozen, tail]) == text
    for piece, following in pairwise([*frozen, tail]):
        assert piece.endswith("\n\n")
        assert not fences_open_at_end(piece)
        assert not re.match(r"[ \t>|*+-]|\d+[.)]", following)


@given(text=TEXTS, step=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_what_was_finished_stays_finished(text: str, step: int):
    """A cut that was right once is right for every longer text."""
    cuts = [finished(text[:end]) for end in range(0, len(text) + 1, step)]

    assert cuts == sorted(cuts)


@pytest.mark.parametrize(
    ("text", "frozen"),
    [
        ("One.\n\nTwo", "One.\n\n"),
        ("One.\n\n", ""),
        ("One.\n\nTwo.\n\nThree", "One.\n\nTwo.\n\n"),
        ("One.\n\n```\na\n\nb\n```\n\nTwo", "One.\n\n```\na\n\nb\n```\n\n"),
        ("One.\n\n```\na\n\nb", "One.\n\n"),
        ("1. a\n\n2", ""),
        ("1. a\n\n2024 was", "1. a\n\n"),
        ("- a\n  ```\n  x\n  ```\n\nOne\n\nTwo", "- a\n  ```\n  x\n  ```\n\nOne\n\n"),
        ("- a\n- ```\n  x\n\nOne\n\nTwo", "- a\n- ```\n  x\n\nOne\n\n"),
        ("- a\r\n\r\n\r\n- b", ""),
        ("$$\na\n\nb", ""),
        ("", ""),
    ],
)
def test_what_is_finished(text: str, frozen: str):
    """Paragraphs are frozen at the next block's first character, open blocks wait."""
    assert text[: finished(text)] == frozen
