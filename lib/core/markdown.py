"""A model's Markdown made fit to show: nothing remote, money as money, cut where it is finished."""

import re
from collections.abc import Iterator
from typing import NamedTuple

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
      | (?P<doubt>`+ | <[a-z/!?] | \$(?!\d) | (?<=[\\$])\$ | :[\w-]+[\[{]
                  | www\. | https?:// )""",
    re.VERBOSE | re.IGNORECASE,
)
_DOLLARS = re.compile(r"(?<![\\$])\$(?=\d)")
_NEVER = "\n"  # as the mark of a fence: no line closes it


class _Line(NamedTuple):
    """`code` includes the fence's own lines; `sure` that the renderer sees no other fences."""

    text: str
    code: bool
    inside: bool
    sure: bool


def presentable(text: str) -> str:
    """Model text for a Markdown renderer that shows no raw HTML.

    An image becomes its own source text, because fetching one tells its address to a stranger
    (the pages' Content-Security-Policy blocks it as well). «$5» is money, not the start of a
    formula. Code stays as it is; only where the renderer may not take it for code, an image in it
    is broken up as well.
    """
    text = re.sub(r"\r\n?", "\n", text)
    images = "](" in text or "]:" in text  # without an address there is none
    shown: list[str] = []
    clear = True  # the paragraph so far left nothing open that could reach into this line
    for line in _lines(text):
        clear = line.sure and (clear or line.code or not line.text.strip())
        if line.code:
            shown.append(_no_image(line.text) if images and not clear else line.text)
        else:
            part, clear = _inline(line.text, clear, images)
            shown.append(part)
    return "\n".join(shown)


def _inline(line: str, clear: bool, images: bool) -> tuple[str, bool]:
    """The line fit to show, and whether it leaves nothing open for the next one."""
    shown: list[str] = []
    end = 0
    for found in _INLINE.finditer(line):
        code = found["code"]
        clear = clear and not found["doubt"] and "|" not in (code or "")  # a table's cells
        if code:
            before = line[end : found.start()]
            shown += [_plain(before, images), _no_image(code) if images and not clear else code]
            end = found.end()
    return "".join([*shown, _plain(line[end:], images)]), clear


def _plain(text: str, images: bool) -> str:
    return _DOLLARS.sub(r"\\$", _no_image(text) if images else text)


def _no_image(text: str) -> str:
    return text.replace("![", r"!\[")


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
        inside = bool(mark)
        if mark:
            code = True
            mark = "" if _closes(line, mark, nested) else mark
        elif found := _FENCE.match(line.rstrip("\r")):
            mark, lead, code = found["mark"], found["lead"], True
            sure = sure and lead in ("", " ", "  ", "   ")
        else:
            code = False
        yield _Line(line, code, inside, sure)


def _is_astray(line: str, lead: str, mark: str) -> bool:
    """Whether this line ends the fence if it stands in a list, and does not if it stands alone."""
    further_right = line.startswith("    ") and _closes(line, mark, nested=True)
    return bool(line.strip()) and (not line.startswith(lead) or further_right)


def _closes(line: str, mark: str, nested: bool) -> bool:
    end = line.strip(" \t\r>") if nested else re.sub(r"^ {1,3}", "", line).rstrip(" \t\r")
    return end.startswith(mark) and not end.strip(mark[0])
