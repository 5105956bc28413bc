"""A model's Markdown made fit to show: nothing remote, money as money, cut where it is finished."""

import re

# Code is left alone: fenced blocks (also an unclosed one at the end) and inline spans.
_CODE = re.compile(
    r"""(?P<fence>^[ ]{0,3}(?P<mark>`{3,}|~{3,}).*?(?:^[ ]{0,3}(?P=mark)[`~]*[ \t]*$|\Z))
      | (?P<ticks>(?<!`)`+(?!`)) [^\n]*? (?<!`)(?P=ticks)(?!`)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_DOLLARS = re.compile(r"(?<![\\$])\$(?=\d)")


def presentable(text: str) -> str:
    """Model text for a Markdown renderer that shows no raw HTML.

    An image becomes its own source text, because fetching one tells its address to a stranger
    (the pages' Content-Security-Policy blocks it as well). «$5» is money, not the start of a
    formula.
    """
    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(text):
        parts += [_plain(text[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    return _DOLLARS.sub(r"\\$", text.replace("![", r"!\["))


def finished(text: str) -> int:
    """How many characters of a growing answer will not change their look any more.

    That is up to the last blank line outside code whose next line starts a new block at the margin:
    lists, quotes and tables that may still grow stay behind, a fence is never cut.
    """
    cut = position = 0
    fence = ""
    lines = text.split("\n")
    for before, line in zip(["", *lines], lines, strict=False):
        mark = re.match(r"[ ]{0,3}(`{3,}|~{3,})", line)
        if not fence and not before.strip() and position and _starts_block(line):
            cut = position
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        position += len(line) + 1
    return cut


def _starts_block(line: str) -> bool:
    return bool(line) and line[0] not in " \t>|-*+" and not re.match(r"\d{1,9}[.)]|$", line)
