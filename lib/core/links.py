"""Links in a model's Markdown: where one leads is said beside it, or it is no link at all.

A link stays only if all of its address is understood here; a blank in its source turns every other
one into text. A blank does no harm where the renderer sees code or a formula instead.
Streamlit's own sanitizer stops only javascript: and vbscript:, and lets `/login` lead into the app.
"""

import re

import idna

_WEB = r"https?://(?:[\w.~!$*+,;=:%-]*+@)?+(?P<host>[\w.\-\u0080-\U0010ffff]{1,253}+)(?::\d*+)?+"
_MAIL = r"mailto:(?P<mail>[\w.+-]{1,64}+@[\w.-]{1,253}+)"
# CommonMark 0.31, 6.3, less what is rare: a bare address nests brackets once, everything stands in
# one line, and no «]» in it hides another link. No character is read by many attempts: linear time.
_LINK = re.compile(
    rf"""(?: (?<!\\) \[ (?P<text> [^\[\]]*+ ) )?+ \]\(
    (?P<address>
        [ \t]*+ (?P<angle> < )?+ (?: {_WEB} | {_MAIL} )
        (?(angle) (?= [/?\#>] ) [^<>\\\]]*+ >
          | (?= [/?\#)\s] )
            (?: [^\s\x00-\x1f()<>\\\]] | \\[!-\\^-~] | \( [^\s\x00-\x1f()<>\\\]]*+ \) )*+ )
        (?: [ \t]++ (?: "[^"\\\]]*+" | '[^'\\\]]*+' | \([^()\\\]]*+\) ) )?+
        [ \t]*+ \)
    )?+""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_SHOWN = re.compile(r"(?:https?://|mailto:)?([\w.+@-]+)(?::\d+)?(?:[/?#][!-~]*)?", re.I | re.ASCII)
_IMAGE = re.compile(r"!\[([^\[\]]*+)\]\(")
# It may go on through what elsewhere is a span of code.
_AUTOLINK = re.compile(
    r"<(?=(?!https?:|mailto:)[a-z][a-z0-9+.-]{1,31}:[^\x00-\x20\x7f<>]*+(?:>|\Z))", re.IGNORECASE
)
# Its label may have begun a line earlier. A footnote has the same look and is none.
_DEFINITION = re.compile(
    r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t]|\[\^[^\s\[\]]+\]:)*+\[?(?:[^\[\]\\!]|!\[?|\\.)*+\](?=:)"
)


def any_address(text: str) -> bool:
    """Whether the text may hold a link with a text of its own, an image, or an odd autolink."""
    return "](" in text or "]:" in text or _AUTOLINK.search(text) is not None


def no_definition(line: str) -> str:
    """`[text][id]` stays text, and the line that tells its address stays in sight."""
    found = _DEFINITION.match(line) if "]:" in line else None
    return f"{line[: found.end()]}\\{line[found.end() :]}" if found else line


def marked(text: str) -> str:
    """Part of a line: images and odd links as their source, web and mail links with their host."""
    if "![" in text:
        text = _IMAGE.sub(r"![\1] (", text).replace("![", r"!\[")
    if "](" in text:
        text = _LINK.sub(_marked, text)
    return _AUTOLINK.sub("< ", text) if "<" in text else text


def _marked(found: re.Match[str]) -> str:
    link = found[0]
    place = found["mail"] or (_ascii_host(found["host"]) if found["host"] else None)
    if not found["address"] or not place:
        return link.replace("](", "] (", 1)
    shown = _SHOWN.fullmatch(found["text"] or "")
    if shown and _bare(shown[1]) == _bare(place):
        return link
    escaped = place.replace("_", r"\_")
    return f"{link} ({escaped})"


def _bare(place: str) -> str:
    return place.lower().removeprefix("www.")


def _ascii_host(host: str) -> str | None:
    """As a browser asks for it: «аpple.com» with a Cyrillic а is xn--pple-43d.com."""
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return None
