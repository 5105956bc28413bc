"""A conversation as a file: JSON that can be read back, and Markdown for people."""

import base64
import hashlib
import json
import re
from decimal import Decimal
from typing import Any

from lib.core.chat import Media
from lib.core.errors import BadInput, NotFound, TooLarge
from lib.core.options import from_fields, to_fields
from lib.store.conversations import MOST_ANSWERS, TITLE_CHARACTERS, Turn, name_of
from lib.store.database import to_json as compact
from lib.work.app import App
from lib.work.pictures import read_media
from lib.work.stored_facts import is_model, known

FORMAT, VERSION = "playground-conversation", 1
MOST_PARTS = 4_000_000
MOST_MESSAGES = 20_000


def to_json(app: App, conversation: str) -> bytes:
    """All of a conversation but its marks, with its files; `read` understands it."""
    title, store = _title(app, conversation), app.conversations
    messages = [
        {
            "position": turn.position,
            "role": turn.role,
            "text": turn.text,
            "thought": turn.thought,
            "media": [_file(name, store.media(name)) for name in turn.media],
            "facts": turn.facts,
        }
        for turn in store.turns(conversation)
    ]
    settings = store.settings(conversation)
    head = {"format": FORMAT, "version": VERSION, "title": title, "settings": settings}
    return compact({**head, "messages": messages}).encode()


def to_markdown(app: App, conversation: str) -> str:
    """Title, prompts and answers; what was said is quoted, or in a fence where it could break out.

    Times, tokens and money stand under an answer; what is unknown is –.
    """
    blocks = [f"# {_plain(_title(app, conversation))}"]
    for turn in app.conversations.turns(conversation):
        model = _plain(str(turn.facts.get("model", "–")))
        blocks.append("## Prompt" if turn.role == "user" else f"### {model}")
        for name in turn.media:
            blocks.append(f"*{app.conversations.media(name).mime}, SHA-256 {name}*")
        if turn.text.strip():
            blocks.append(_quoted(turn.text))
        if error := turn.facts.get("error"):
            blocks.append(f"**{_plain(error['message'])}** {_plain(error['hint'])}")
        if turn.role == "assistant":
            blocks.append(_footer(turn.facts))
    return "\n\n".join(blocks) + "\n"


def read(app: App, data: bytes) -> str:
    """A file of `to_json` as a new conversation; returns its id.

    BadInput, naming the field, for everything that is no such file; then nothing is stored.
    """
    body = _parsed(data)
    if body.get("format") != FORMAT or body.get("version") != VERSION:
        raise BadInput(
            "format: this is no conversation saved here.", hint="Choose a JSON file saved here."
        )
    title, settings = _text(body, "title"), _settings(body.get("settings"))
    messages = _list(body, "messages")
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(f"messages: there are more than {MOST_MESSAGES}.")
    files: dict[str, Media] = {}
    turns = [_turn(message, n, files) for n, message in enumerate(messages)]
    _check_order(turns)
    conversation = app.conversations.start(title, TITLE_CHARACTERS)
    try:
        app.conversations.add(conversation, turns, files.values(), settings)
    except BaseException:  # half a conversation is worse than none
        app.conversations.delete(conversation)
        raise
    return conversation


def _title(app: App, conversation: str) -> str:
    title = app.conversations.title(conversation)
    if title is None:
        raise NotFound("There is no such conversation.")
    return title


def _file(name: str, media: Media) -> dict[str, str]:
    return {"mime": media.mime, "sha256": name, "data": base64.b64encode(media.data).decode()}


# What could end a quote, reach into another one or fetch something: HTML, comments, pictures, and
# addresses defined for the whole page.
_BREAKS_OUT = re.compile(r"<[a-zA-Z/!?]|!\[|\]:")
_FENCES = re.compile(r"`{3,}")


def _quoted(text: str) -> str:
    lines = re.split(r"\r\n?|\n", text)
    if not _BREAKS_OUT.search(text):
        return "\n".join(f"> {line}" if line else ">" for line in lines)
    fence = "`" * max([3, *(len(found) + 1 for found in _FENCES.findall(text))])
    return "\n".join([fence, *lines, fence])


def _plain(text: str) -> str:
    """One line that is no Markdown."""
    return re.sub(r"([\\`*_\[\]<>#$|~&])", r"\\\1", " ".join(text.split()))


_ENDINGS = {
    "length": "cut at the token limit",
    "refused": "blocked by the provider's safety filter",
    "error": "failed",
    "incomplete": "broke off before its end",
}


def _footer(facts: dict[str, Any]) -> str:
    usage, timings = facts.get("usage") or {}, facts.get("timings") or {}
    cost, finish = facts.get("cost_usd"), facts.get("finish", "–")
    parts = [
        f"first token {_number(timings.get('ttft_ms'))} ms",
        f"whole answer {_number(timings.get('total_ms'))} ms",
        f"{_number(timings.get('tokens_per_second'), 1)} tokens a second",
        f"{_number(usage.get('input_tokens'))} tokens in",
        f"{_number(usage.get('output_tokens'))} out",
        "cost –" if cost is None else rf"\${Decimal(cost).normalize():f}",
    ]
    return " · ".join(parts if finish == "stop" else [*parts, _ENDINGS.get(finish, finish)])


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _parsed(data: bytes) -> dict[str, Any]:
    # Each of them may become an object of a hundred bytes; files inside are base64, without any.
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_PARTS:
        raise TooLarge("file: it has too many parts.", hint="Choose a JSON file saved here.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("file: this is no JSON object.", hint="Choose a JSON file saved here.")
    return found


def _turn(message: Any, n: int, files: dict[str, Media]) -> Turn:
    at = f"messages[{n}]"
    fields = _fields(message, at)
    position, role = fields.get("position"), fields.get("role")
    if type(position) is not int or position != n:
        raise BadInput(f"{at}.position: {n} is wanted here.")
    if role not in ("user", "assistant"):
        raise BadInput(f"{at}.role: user or assistant is wanted.")
    parts = enumerate(_list(fields, "media", at))
    return Turn(
        position,
        role,
        _text(fields, "text", at),
        _text(fields, "thought", at),
        tuple(name_of(_media(part, f"{at}.media[{i}]", files)) for i, part in parts),
        known(fields.get("facts")) if role == "assistant" else {},
    )


def _media(part: Any, at: str, files: dict[str, Media]) -> Media:
    """A file, judged by its content as at an upload; `files` are those read already."""
    fields = _fields(part, at)
    try:
        data = base64.b64decode(_text(fields, "data", at), validate=True)
    except ValueError:
        raise BadInput(f"{at}.data: base64 is wanted.") from None
    name = hashlib.sha256(data).hexdigest()
    if fields.get("sha256") != name:
        raise BadInput(f"{at}.sha256: it is not that of the data.")
    if name not in files:
        files[name] = read_media(data, f"{at}.data")
    return files[name]


def _check_order(turns: list[Turn]) -> None:
    """Answers stand behind a prompt, as many as can be asked for."""
    answers = MOST_ANSWERS
    for turn in turns:
        answers = 0 if turn.role == "user" else answers + 1
        if answers > MOST_ANSWERS:
            raise BadInput(
                f"messages[{turn.position}].role: a prompt has at most {MOST_ANSWERS} answers, "
                "and each answer a prompt before it."
            )


def _settings(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    fields = _fields(given, "settings")
    models = _list(fields, "models", "settings")
    if len(models) > MOST_ANSWERS or not all(is_model(model) for model in models):
        raise BadInput(f"settings.models: up to {MOST_ANSWERS} names of models are wanted.")
    options = from_fields(_fields(fields.get("options"), "settings.options"))
    return {"models": models, "options": to_fields(options)}


def _fields(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{at}: an object is wanted.")
    return value


def _list(fields: dict[str, Any], name: str, at: str = "") -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise BadInput(f"{at}.{name}: a list is wanted.".lstrip("."))
    return value


def _text(fields: dict[str, Any], name: str, at: str = "") -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadInput(f"{at}.{name}: a text is wanted.".lstrip("."))
    return value.encode(errors="replace").decode()  # half a character cannot be shown
