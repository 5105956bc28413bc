"""Model text is shown without remote images, with code and money intact, and frozen when done."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.markdown import finished, presentable

IMAGE = "![a](http://x.test/p.png)"
BROKEN = r"!\[a](http://x.test/p.png)"
TELLS = "\n\nSee [docs](http://x.test)."  # what an image needs is somewhere in the text


@pytest.mark.parametrize(
    "image",
    [
        "![a](http://x.test)",
        "![](http://x.test)",
        '![a](<http://x.test> "title")',
        "![a][ref]\n\n[ref]: http://x.test",
        "![ref][]\n\n[ref]: http://x.test",
        "![ref]\n\n[ref]: http://x.test",
        "[![badge](http://x.test)](http://y.test)",
        "- item ![a](http://x.test)",
        "> ![a](http://x.test)",
        "| ![a](http://x.test) | b |",
    ],
)
def test_no_image_is_left(image: str):
    """Every way to write an image outside code becomes text and keeps its words."""
    shown = presentable(image)

    assert "![" not in shown
    assert shown.replace("\\", "") == image


@pytest.mark.parametrize(
    "smuggled",
    [
        rf"\`{IMAGE}\`",
        f"`a\nb` {IMAGE} `c`",
        f"`` {IMAGE} `",
        f"| `a | {IMAGE} ` |",
        f'<a title="`"> {IMAGE} `',
        f"<http://x.test/`> {IMAGE} `",
        f"http://x.test/` {IMAGE} `",
        f":red[`] {IMAGE} `",
        f"$`$ {IMAGE} `",
        f"``` `a`\n{IMAGE}",
        f"- ```\n  a\n  ```\n\n{IMAGE}",
        f"1. a\n   ```\n   b\n\n{IMAGE}",
        f"> ```\n{IMAGE}",
        f"<!--\n```\n-->\n{IMAGE}",
        f":::note\n```\n:::\n{IMAGE}",
        f"text\n    ```\n    {IMAGE}",
        f"text\n2. ```\n   {IMAGE}",
        f"````\n```\n````\n{IMAGE}",
        f"```\na\n```\r{IMAGE}",
        f"$$\n```\n$$\n{IMAGE}",
        f"~~~\n```\n~~~\n{IMAGE}",
    ],
)
def test_what_only_looks_like_code_hides_no_image(smuggled: str):
    """Where the renderer sees no code, or may see none, an image is not taken for code."""
    assert IMAGE not in presentable(smuggled)


@pytest.mark.parametrize(
    "code",
    [
        "`vec![1]`",
        f"Write `{IMAGE}` or ``{IMAGE} ` ``.",
        f"```\n{IMAGE}\nprice = $5\n```",
        f"```rust\nlet a = vec![1];\n\n{IMAGE}\n```",
        f"~~~~ md\n```\n{IMAGE}\n```\n~~~~",
        f"````\n```\n{IMAGE}\n```\n````",
        f"Growing:\n```\n{IMAGE}",
        f"1. Step:\n   ```md\n   {IMAGE}\n   ```\n2. Done",
        "`$5` and `a` and `$HOME`",
        "$$\na_1 = 5 $5\n$$",
    ],
)
def test_code_stays_as_it_is(code: str):
    """What is surely code, fenced or inline, is shown byte for byte."""
    assert presentable(code + TELLS) == code + TELLS


@pytest.mark.parametrize(
    "code", ["- a\n\n    ```rust\n    vec![1]\n    ```", "- ```\n  vec![1]\n  ```", "`a\nvec![1]`"]
)
def test_code_stays_where_no_image_can_be(code: str):
    """Without an address in the text, code in odd places needs no protection and stays."""
    assert presentable(code) == code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("From $5 to $10.", r"From \$5 to \$10."),
        (r"\$5", r"\$5"),
        ("$x^2$ and $$x$$", "$x^2$ and $$x$$"),
        ("`$5` is $5", r"`$5` is \$5"),
        ("$", "$"),
        ("", ""),
    ],
)
def test_money_is_no_formula(text: str, shown: str):
    """A dollar before a number is a dollar, formulas and code keep theirs."""
    assert presentable(text) == shown


def test_long_odd_texts_take_no_time():
    """A model cannot stall the page: 100,000 odd characters are read in well under a second."""
    odd = ["`", "` ", "`a` ", "$", "- ", "> ", "www.", ":a", "<", "![", "~~~\n", "1. "]

    assert all(len(presentable(piece * (100_000 // len(piece)))) >= 99_000 for piece in odd)


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
