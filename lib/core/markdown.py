"""A model's Markdown made fit to show: nothing remote, money as money, cut where it is finished."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lib.core.links import any_address, marked, no_definition

_LEAD = r"(?P<lead>(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*)"
# A fence of code or of a formula. With its own mark once more in the line it is a paragraph.
_FENCE = re.compile(_LEAD + r"(?P<mark>`{3,}(?=[^`]*$)|~{3,}|\${2,}(?=[^$]*$))")
# HTML and directive blocks end by rules of their own and may hide a fence's mark.
_OPAQUE = re.compile(_LEAD + r"(?:<[a-zA-Z/!?]|:::)")
# A span of code, or what may swallow its backtick: a tag, formula, directive or address, or a span
# that goes on in the next line.
_INLINE = re.compile(
    r"""\\[!-/:-@\[-`{-~]
      | (?P<code>(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`))
      | (?P<doubt>`+ | <[a-z/!?] | \$(?!\d) | (?<=[\\$])\$ | :[\w-]+[\[{] )
      | (?: www\. | https?:// ) [^ \t`$<\\:]*+ (?P<into> [`$\\:] )?+""",
    re.VERBOSE | re.IGNORECASE,
)
_ODD = re.compile(r"[\\`<$:]|[wW][wW]|[hH][tT]{2}")  # how all of these begin; most lines have none
_DOLLARS = re.compile(r"(?<![\\$])\$(?=\d)")
_NEVER = "\n"  # as the mark of a fence: no line closes it


class _Line(NamedTuple):
    """`code` includes the fence's own lines; `sure` that the renderer sees no other fences.

    Streamlit leaves the parser for formulas out where it finds none, so a `formula` may be text.
    """

    text: str
    code: bool
    inside: bool
    sure: bool
    formula: bool


def presentable(text: str) -> str:
    """Model text for a Markdown renderer that shows no raw HTML.

    An image becomes its own source text, because fetching one tells its address to a stranger
    (the pages' Content-Security-Policy blocks it as well). A link tells its host: see `links`.
    «$5» is money, not the start of a formula. Code stays as it is; only where the renderer may not
    take it for code, images and links in it are treated as well.
    """
    # Written right to left by an override, a host would read as another. The renderer drops a
    # byte order mark too, so what follows it begins a line.
    text = re.sub(r"\r\n?", "\n", text).replace("\u202e", "").lstrip("\ufeff")
    links = any_address(text)
    shown: list[str] = []
    clear = True  # the paragraph so far left nothing open that could reach into this line
    for line in _lines(text):
        blank = not line.text.strip(" \t")  # to Markdown no other space is one
        clear = line.sure and not line.formula and (clear or line.code or blank)
        if line.code and (clear or not links):
            shown.append(line.text)
        elif line.code:
            shown.append(marked(no_definition(line.text)))
        else:
            part, clear = _inline(no_definition(line.text), clear, links)
            shown.append(part)
    return "\n".join(shown)


def _inline(line: str, clear: bool, links: bool) -> tuple[str, bool]:
    """The line fit to show, and whether it leaves nothing open for the next one."""
    odd = _ODD.search(line)
    if not odd:
        return marked(line) if links else line, clear
    shown: list[str] = []
    end = 0
    for found in _INLINE.finditer(line, odd.start()):
        code = found["code"]
        doubt = found["doubt"] or found["into"] or "|" in (code or "")  # a table's cells
        clear = clear and not doubt
        if code:
            before = line[end : found.start()]
            shown += [_plain(before, links), code if clear or not links else marked(code)]
            end = found.end()
    return "".join([*shown, _plain(line[end:], links)]), clear


def _plain(text: str, links: bool) -> str:
    shown = marked(text) if links else text
    return _DOLLARS.sub(r"\\$", shown) if "$" in shown else shown


def finished(text: str) -> int:
    """How many characters of a growing answer will not change their look any more.

    That is up to the last blank line outside code whose next line starts a new block at the margin:
    lists, quotes and tables that may still grow stay behind, a fence is never cut.
    """
    cut = position = 0
    before = "-"
    for line in _lines(text):
        if not line.inside and not before.strip(" \t\r") and _starts_block(line.text):
            cut = position
        before = line.text
        position += len(before) + 1
    return cut


def _starts_block(line: str) -> bool:
    # A number may yet become that of a list's next item.
    return bool(line) and line[0] not in " \t\r>|-*+" and not re.match(r"\d{1,9}([.)]|$)", line)


def _lines(text: str) -> Iterator[_Line]:
    """The lines and their fences; a fence inside a list or quote ends with it."""
    mark = lead = ""
    sure = True
    for line in text.split("\n"):
        nested = len(lead) > 3 or lead.strip(" ") != ""
        if mark and nested and line[:1] not in ("", " ", "\t", "\r", ">"):
            mark = lead = ""
        if mark and not nested and lead and _is_astray(line, lead, mark):
            mark = _NEVER
        if mark == _NEVER or ((nested or not mark) and _OPAQUE.match(line)):
            sure = False
        inside, formula = bool(mark), mark[:1] == "$"
        if formula and ("```" in line or "~~~" in line or _OPAQUE.match(line)):
            sure = False
        if mark:
            code = True
            mark = "" if _closes(line, mark, nested) else mark
        elif found := _FENCE.match(line.rstrip("\r")):
            mark, lead, code = found["mark"], found["lead"], True
            sure, formula = sure and lead in ("", " ", "  ", "   "), mark[0] == "$"
        else:
            code = False
        yield _Line(line, code, inside, sure, formula)


def _is_astray(line: str, lead: str, mark: str) -> bool:
    """Whether this line ends the fence if it stands in a list, and does not if it stands alone."""
    further_right = line.startswith("    ") and _closes(line, mark, nested=True)
    return bool(line.strip(" \t\r")) and (not line.startswith(lead) or further_right)


def _closes(line: str, mark: str, nested: bool) -> bool:
    end = line.strip(" \t\r>") if nested else re.sub(r"^ {1,3}", "", line).rstrip(" \t\r")
    return end.startswith(mark) and not end.strip(mark[0])
