"""How values, calls and files are written in Python and in shell code; no text can break out."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable
from typing import Any

from lib.core.chat import Media, Request

WIDTH = 76  # characters of a line before it is broken up
_PIECE = re.compile(rf".{{1,{WIDTH}}}(?:\s|\Z)|.{{1,{WIDTH}}}", re.DOTALL)
_STEMS = {"image": "picture", "audio": "sound", "video": "film", "pdf": "document"}
_ENDINGS = {
    "image/jpeg": "jpg",
    "audio/mp4": "m4a",
    "video/quicktime": "mov",
    "video/mpeg": "mpg",
    "video/3gpp": "3gp",
}


class Code(str):
    """Goes into a source as it is."""


def file_names(request: Request) -> dict[Media, str]:
    """The name of every different file in a request: picture-1.png, sound-1.wav and so on."""
    names: dict[Media, str] = {}
    counts = Counter[str]()
    for media in dict.fromkeys(part for message in request.messages for part in message.media):
        stem = _STEMS[media.modality]
        counts[stem] += 1
        ending = _ENDINGS.get(media.mime) or re.sub("[^a-z0-9]", "", media.mime.partition("/")[2])
        names[media] = f"{stem}-{counts[stem]}.{ending}"
    return names


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value; None is not sent at all."""
    return {name: value for name, value in fields.items() if value is not None}


def comments(*lines: str) -> str:
    """Comment lines, the same in Python and in shell code.

    zsh takes a pasted comment for a command: no quotes, brackets, semicolons or wildcards in it.
    """
    return "\n".join(f"# {line}" for line in lines)


def reads(request: Request) -> list[str]:
    """The line that says which files the code needs beside it, if any."""
    names = file_names(request).values()
    return [f"Reads from this folder: {', '.join(names)}"] if names else []


def quoted(text: str, python: bool = True) -> str:
    """A literal in double quotes, of Python or of JSON.

    What cannot be seen is escaped, so that no clipboard loses or changes it.
    """

    def seen(char: str) -> str:
        if char.isprintable():
            return char
        # Python does not join surrogates.
        return f"\\U{ord(char):08x}" if python and char > "\uffff" else json.dumps(char)[1:-1]

    return "".join(map(seen, json.dumps(text, ensure_ascii=False)))


def python(value: Any) -> str:
    """JSON-like values, or `Code` among them, as a Python expression."""
    return _layout(value, _python_leaf, ",")


def call(function: str, **arguments: Any) -> str:
    """A Python call with one argument a line."""
    lines = "\n".join(f"{name}={python(value)}," for name, value in arguments.items())
    return f"{function}(\n{_indented(lines)}\n)"


def program(*blocks: str) -> str:
    """A Python source; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block) + "\n"


def python_bytes(name: str) -> Code:
    """A file's bytes in Python."""
    return Code(f"Path({quoted(name)}).read_bytes()")


def shell_base64(name: str, before: str = "") -> Code:
    """A file's base64 in a body for `curl`: a JSON text that begins with `before`.

    NUL marks its place; it stands nowhere else, since `quoted` escapes it.
    """
    return Code(f'{quoted(before, python=False)[:-1]}\0{name}\0"')


def curl(notes: str, url: str, key: str, body: dict[str, Any]) -> str:
    """Shell code that posts a JSON body; `key` is a header with its placeholder, or empty.

    The body stands in quoted heredocs, where nothing is expanded. No line of it can be their end:
    JSON has none that is one bare word. Files come between two heredocs; that breaks the text they
    are in, but curl drops all line breaks of what it reads by -d @-.
    """
    headers = [key] if key else []
    headers.append("Content-Type: application/json")
    options = "".join(f' \\\n  -H "{header}"' for header in headers)
    command = f"curl -sSN {shlex.quote(url)}{options} \\\n  -d @-"
    text = _layout(body, _json_leaf, "")
    if "\0" in text:
        text = re.sub("\0(.+?)\0", r"\nJSON\nbase64 < \1\ncat <<'JSON'\n", text)
        why = comments("curl drops the line breaks, so each base64 is a part of its JSON text.")
        source = f"{why}\n{{\ncat <<'JSON'\n{text}\nJSON\n}} | {command}\n"
    else:
        source = f"{command} <<'JSON'\n{text}\nJSON\n"
    return f"{notes}\n{source}" if notes else source


def _python_leaf(value: Any) -> str:
    if isinstance(value, Code) or not isinstance(value, str):
        return str(value)
    pieces = [value]
    if len(value) > WIDTH:
        paragraphs = re.findall(r"[^\n]*\n+|[^\n]+", value)
        pieces = [piece for paragraph in paragraphs for piece in _PIECE.findall(paragraph)]
    if len(pieces) == 1:
        return quoted(value)
    lines = "\n".join(map(quoted, pieces))
    return f"(\n{_indented(lines)}\n)"


def _json_leaf(value: Any) -> str:
    if isinstance(value, Code):
        return value
    return quoted(value, python=False) if isinstance(value, str) else json.dumps(value)


def _layout(value: Any, leaf: Callable[[Any], str], last_comma: str) -> str:
    """On one line if it fits, else an entry a line."""
    if isinstance(value, dict):
        first, last = "{}"
        parts = [f"{leaf(key)}: {_layout(one, leaf, last_comma)}" for key, one in value.items()]
    elif isinstance(value, list):
        first, last = "[]"
        parts = [_layout(one, leaf, last_comma) for one in value]
    else:
        return leaf(value)
    line = f"{first}{', '.join(parts)}{last}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    entries = ",\n".join(parts)
    return f"{first}\n{_indented(entries)}{last_comma}\n{last}"


def _indented(text: str) -> str:
    return "    " + text.replace("\n", "\n    ")
