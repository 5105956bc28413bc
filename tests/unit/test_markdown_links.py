"""Links in a model's text say where they lead, or are none."""

import re

import pytest

from lib.core.markdown import presentable

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


def test_a_host_cannot_be_turned_round():
    """An override of the writing direction would let the host behind it read as another."""
    assert presentable("[a\u202e](https://x.test)") == "[a](https://x.test) (x.test)"


def test_a_growing_link_is_no_link_until_it_is_whole():
    """However an answer is cut off, no link is shown without its host."""
    text = "".join(f"{link}, " for link, _ in LINKS if "x.test](" not in link)
    for end in range(len(text)):
        shown = presentable(text[:end])
        assert len(re.findall(r"\]\(", shown)) == len(re.findall(r"\) \(\S+\.\w+\)", shown))
