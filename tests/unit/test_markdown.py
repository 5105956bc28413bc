"""Model text is shown without remote images, its links tell their host, code and money are intact.

What is finished of a growing answer is frozen.
"""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.markdown import finished, presentable

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


LINKS = [
    ("[docs](https://x.test/a)", "x.test"),
    ("[docs](http://x.test)", "x.test"),
    ("[docs](HTTPS://X.Test:8080?a=b#c)", "x.test"),
    ('[docs](https://x.test "google.com")', "x.test"),
    ("[docs]( https://x.test 'title' )", "x.test"),
    ("[docs](https://x.test (title))", "x.test"),
    ("[docs](<https://x.test/a b>)", "x.test"),
    ("[docs](https://x.test/a_(b)/c)", "x.test"),
    (r"[docs](https://x.test/a_\(b)", "x.test"),
    ("[](https://x.test)", "x.test"),
    ("[a [b] c](https://x.test)", "x.test"),
    (r"[a \[b\] c](https://x.test)", "x.test"),
    (r"[x.test\](https://x.test)", "x.test"),
    ("[`code`](https://x.test)", "x.test"),
    ("[two\nlines](https://x.test)", "x.test"),
    ("[google.com](https://x.test)", "x.test"),
    ("[https://google.com](https://x.test)", "x.test"),
    ("[https://x.test.google.com](https://x.test)", "x.test"),
    ("[x.test@google.com](https://x.test)", "x.test"),
    ("[a](https://google.com@x.test/)", "x.test"),
    ("[a](https://google.com:80@x.test/)", "x.test"),
    ("[a](https://x.test?@google.com)", "x.test"),
    ("[a](https://my_site.x.test)", r"my\_site.x.test"),
    ("[аpple.com](https://аpple.com/)", "xn--pple-43d.com"),
    ("[a](https://xn--pple-43d.com/)", "xn--pple-43d.com"),
    ("[a](https://faß.de)", "xn--fa-hia.de"),
    ("[a](https://ｘ。test/)", "x.test"),
    ("[Mail us](mailto:a@x.test?subject=b)", "a@x.test"),
    (":red[see [docs](https://x.test)", "x.test"),
]


@pytest.mark.parametrize(("link", "place"), LINKS)
def test_a_link_says_where_it_leads(link: str, place: str):
    """A link stays and its host, as the browser understands it, stands behind it."""
    assert presentable(f"> See {link}, it is good.") == f"> See {link} ({place}), it is good."


@pytest.mark.parametrize(
    "link",
    [
        "[x.test](https://x.test)",
        "[www.x.test](http://x.test/a)",
        "[https://X.test/a?b](https://x.test/c)",
        "[a@x.test](mailto:a@x.test)",
        "https://google.com@x.test/ and www.x.test and a@x.test",
        "<https://x.test> and <mailto:a@x.test>",
        "A [word] (in brackets), a[0], f(x)[y], [ ] and [x]",
    ],
)
def test_what_shows_its_address_stays(link: str):
    """A text that is the host already, and an address without a text, need nothing."""
    assert presentable(f"{link} and [x.test](//x.test)").startswith(link)


@pytest.mark.parametrize(
    "address",
    [
        "/login", "login", "?chat=1", "#top", "//x.test", "", " ", "\\",
        "javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "\x01javascript:a",
        "&#106;avascript:alert(1)", "javascript&colon;alert(1)", r"javascript\:alert(1)",
        "<javascript:alert(1)>", "<java script:a>", "vbscript:a", "data:text/html,a", "file:///etc",
        "ftp://x.test", "tel:123", "https:x.test", "https:/x.test", "https:///x.test", "https://",
        r"https:\\x.test", r"https://google.com\@x.test", "https://google.com&commat;x.test",
        "https://google.com&#64;x.test", "<https://google.com\t.x.test>", "https://%78.test",
        "https://a@b@x.test", "https://[::1]/", "https://\N{NO-BREAK SPACE}x.test",
        "https://x.test\N{ZERO WIDTH SPACE}\u2028.y.test", "https://x.test:a/", "www.x.test",
        "mailto:", "mailto:a@x.test,b@x.test", "https://x.test title", 'https://x.test "title',
        "https://x.test/(", "<https://x.test", "https://x.test/ [google.com](/login)",
        "https://x.test/?\N{NO-BREAK SPACE}[y](https://y.test)", f"https://{'x' * 300}/",
        "https://x.test\n", "\nhttps://x.test", 'https://x.test\n"title"',
    ],
)  # fmt: skip
def test_an_odd_address_makes_no_link(address: str):
    """What is not surely a web or mail address is shown as it was written, apart by a blank."""
    shown = presentable(f"[text]({address})")

    assert "[text](" not in shown
    assert "[text] (" in shown
    assert "(/login" not in shown.replace("] (", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a][r]\n\n[r]: https://x.test", "[a][r]\n\n[r]\\: https://x.test"),
        ("[r]\n\n> - [r]: /login", "[r]\n\n> - [r]\\: /login"),
        ("[a\nb]: /login", "[a\nb]\\: /login"),
        (r"[a\]b]: /login", r"[a\]b]\: /login"),
        ("[\n![r]: /login", "[\n!\\[r]\\: /login"),
        ("[^1]: [a]: /login", "[^1]: [a]\\: /login"),
        ("[r]:\n/login", "[r]\\:\n/login"),
        ("\ufeff[r]: /login", "[r]\\: /login"),
        ("Said[^1].\n\n[^1]: A note.", "Said[^1].\n\n[^1]: A note."),
        ("a[0]: 1", "a[0]: 1"),
        ("```\n[r]: x\n```", "```\n[r]: x\n```"),
    ],
)
def test_a_reference_is_no_link(text: str, shown: str):
    """The line that tells a reference's address stays in sight, and so it leads nowhere unseen."""
    assert presentable(text) == shown


@pytest.mark.parametrize("scheme", ["javascript", "vbscript", "data", "std", "x-y.z+1"])
def test_an_odd_autolink_is_no_link(scheme: str):
    """Angle brackets make a link of any scheme, also through what looks like code."""
    assert presentable(f"<{scheme}:a> b") == f"< {scheme}:a> b"
    assert presentable(f"<{scheme}:`a`> b").startswith("< ")
    assert presentable(f"`<{scheme}:a>`") == f"`<{scheme}:a>`"


@pytest.mark.parametrize("link", ["[a](/login)", "[a](https://x.test)", "[a]: /login", "<a:b>"])
def test_links_in_code_are_code(link: str):
    """Code, fenced or inline, is shown byte for byte, also behind a link or an address."""
    code = f"`{link}`, [x.test](https://x.test) and `{link}`, https://x.test `{link}`"
    fence = f"```\n{link}\n```"

    assert presentable(f"{code}\n{fence}") == f"{code}\n{fence}"


@pytest.mark.parametrize("hides", ["\\`{}\\`", "`a\nb` {} `c`", ":red[`] {} `", "``` `a`\n{}"])
def test_what_only_looks_like_code_hides_no_link(hides: str):
    """Where the renderer may see no code, a link is treated as one."""
    assert "](/login" not in presentable(hides.format("[a](/login)"))
    assert "(x.test)" in presentable(hides.format("[a](https://x.test)"))


def test_a_link_is_not_taken_for_the_start_of_code():
    """A backtick in an address that makes no link opens code, which then hides nothing else."""
    assert "![b](" not in presentable("[a](https://x.test/`) ![b](http://x.test/p.png) `")
    assert presentable("[a](x`) ![b](http://x.test) `") == "[a] (x`) ![b](http://x.test) `"


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


def test_a_host_cannot_be_turned_round():
    """An override of the writing direction would let the host behind it read as another."""
    assert presentable("[a\u202e](https://x.test)") == "[a](https://x.test) (x.test)"


def test_a_growing_link_is_no_link_until_it_is_whole():
    """However an answer is cut off, no link is shown without its host."""
    text = "".join(f"{link}, " for link, _ in LINKS if "x.test](" not in link)
    for end in range(len(text)):
        shown = presentable(text[:end])
        assert len(re.findall(r"\]\(", shown)) == len(re.findall(r"\) \(\S+\.\w+\)", shown))


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
