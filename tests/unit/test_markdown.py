"""Model text is shown without remote images; code, money and tables are intact."""

import time

import pytest

from lib.core.markdown import presentable

IMAGE = "![a](http://x.test/p.png)"
BROKEN = r"!\[a](http://x.test/p.png)"
TELLS = "\n\nSee [x.test](http://x.test)."  # what an image needs is somewhere in the text


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
    assert shown.replace("\\", "").replace("] (", "](").startswith(image)


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
        f"$$\n{IMAGE}",
        f"$$\n<!--\n$$\n```\n-->\n{IMAGE}\n```",
        f"`a\n\N{NO-BREAK SPACE}\n`{IMAGE}`",
        f"\ufeff```\na\n```\n{IMAGE}",
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
        f"$$\na_1\n$$\n```\n{IMAGE}\n```",
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


def test_a_formula_gets_a_blank_at_most():
    """Brackets side by side in a formula mean the same with a blank between them."""
    assert presentable("$F[x](t)$ and [a](/b)") == "$F[x] (t)$ and [a] (/b)"
    assert presentable("$$\nF[x](t)\n$$") == "$$\nF[x] (t)\n$$"


def test_a_table_stays_a_table():
    """Rows keep their cells."""
    table = "| a | b |\n|---|---|\n| [x](https://x.test) | [y](/login) |"

    shown = presentable(table)

    assert [line.count("|") for line in shown.split("\n")] == [3, 3, 3]
    assert "[x](https://x.test) (x.test)" in shown


def test_long_odd_texts_take_no_time():
    """A model cannot stall the page: 100,000 odd characters are read in well under a second."""
    odd = [
        "`", "` ", "`a` ", "$", "- ", "> ", "www.", ":a", "<", "![", "~~~\n", "1. ", "[", "](",
        "[a](https://x/", "[a](https://a/](https://b/)", "](https://a/()", "](https://x 'z",
        "](https://a:b@", "](mailto:a@b", "[a](https://é.é)", "[^1]: [a]:", "<aa:", "[a](b)",
        "\\](", "]:", "[a]:",
    ]  # fmt: skip

    for piece in odd:
        start = time.perf_counter()
        assert len(presentable("[a](b) " + piece * (100_000 // len(piece)))) >= 99_000
        assert time.perf_counter() - start < 1
