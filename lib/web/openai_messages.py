"""Messages in OpenAI's form: texts and files out of their parts, checked field by field."""

import base64
import binascii
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from lib.core.chat import Media, Message, Modality, Role
from lib.core.errors import BadInput, Unsupported
from lib.work.fetch import fetch_picture
from lib.work.pictures import read_media, read_picture

MOST_MESSAGES, MOST_FILES = 10_000, 100
FETCH_S = 15.0  # for all pictures of a request together
SYSTEM = ("system", "developer")

_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_TEXT_PARTS = {"text": "text", "refusal": "refusal"}
# Where a part of a type holds its content: an address or data, and what the data must be.
_FILE_PARTS: dict[str, tuple[str, Modality]] = {
    "image_url": ("url", "image"),
    "input_audio": ("data", "audio"),
    "file": ("file_data", "pdf"),
}
_LEAVE_OUT = "Leave it out, or ask the provider itself."


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent: base64, a data URI, or for a picture its address; not yet read."""

    field: str
    modality: Modality
    source: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message before its files were read. `role` may also be one of SYSTEM."""

    role: str
    text: str
    files: tuple[File, ...] = ()


def text_of(value: Any, field: str) -> str:
    """A text that can be sent on; else BadInput, naming the field."""
    if not isinstance(value, str):
        raise BadInput(f"{field}: a text is wanted.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{field}: the text holds half a character (a lone surrogate).") from None
    return value


def object_of(value: Any, field: str) -> dict[str, Any]:
    """A JSON object; else BadInput, naming the field."""
    if not isinstance(value, dict):
        raise BadInput(f"{field}: an object is wanted.")
    return value


def read_messages(value: Any) -> tuple[str, tuple[Said, ...]]:
    """The system prompt and the conversation, whose last message is the user's.

    An answer without words says nothing and is left out. When there is nothing but a system
    prompt, it is asked as the user's.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_MESSAGES:
        raise BadInput(f"messages: a list of 1 to {MOST_MESSAGES:,} messages is wanted.")
    every = [_message(one, f"messages.{i}") for i, one in enumerate(value)]
    if sum(len(one.files) for one in every) > MOST_FILES:
        raise BadInput(f"messages: at most {MOST_FILES} files go along with one call.")
    system = "\n\n".join(one.text for one in every if one.role in SYSTEM)
    said = tuple(one for one in every if one.role not in SYSTEM and (one.text or one.files))
    if system and all(one.role in SYSTEM for one in every):
        return "", (Said("user", system),)
    if not said or said[-1].role != "user":
        raise BadInput("messages: the last one must be the user's.")
    return system, said


def opened(said: tuple[Said, ...]) -> Iterator[Message]:
    """The conversation with its files read; pictures are fetched, each address once.

    Blocks up to FETCH_S. Raises BlockedUrl, TooLarge or BadInput for what is no such file.
    """
    deadline = time.monotonic() + FETCH_S
    fetched: dict[str, Media] = {}
    for one in said:
        media = tuple(_open(file, fetched, deadline) for file in one.files)
        yield Message(cast(Role, one.role), one.text, media)


def _message(value: Any, field: str) -> Said:
    message = object_of(value, field)
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        raise Unsupported(f"{field}: this server passes no tools on.", _LEAVE_OUT)
    if role not in ("user", "assistant", *SYSTEM):
        raise BadInput(f"{field}.role: one of system, developer, user, assistant is wanted.")
    texts, files = _content(message.get("content"), f"{field}.content")
    if role != "user" and files:
        raise Unsupported(f"{field}.content: only the user's messages may hold files.", _LEAVE_OUT)
    text = "\n".join(texts)
    if role == "user" and not (text or files):
        raise BadInput(f"{field}.content: a user's message cannot be empty.")
    return Said(role, text, tuple(files))


def _content(value: Any, field: str) -> tuple[list[str], list[File]]:
    """Texts and files of a content, which is a text, a list of parts, or null."""
    texts, files = list[str](), list[File]()
    if not isinstance(value, list):
        return ([] if value is None else [text_of(value, field)]), files
    for i, one in enumerate(value):
        name = f"{field}.{i}"
        part = object_of(one, name)
        kind = text_of(part.get("type"), f"{name}.type")
        if kind in _TEXT_PARTS:
            texts.append(text_of(part.get(_TEXT_PARTS[kind]), f"{name}.{kind}"))
        elif kind in _FILE_PARTS:
            files.append(_file(part, kind, f"{name}.{kind}"))
        else:
            raise Unsupported(f"{name}.type: this server takes no such part.", _LEAVE_OUT)
    return texts, files


def _file(part: dict[str, Any], kind: str, field: str) -> File:
    key, modality = _FILE_PARTS[kind]
    held = part.get(kind)
    if kind == "image_url" and isinstance(held, str):  # as some clients write it
        return File(field, modality, held)
    whole = object_of(held, field)
    source = whole.get(key)
    if source is None and "file_id" in whole:
        raise Unsupported(f"{field}.file_id: no files are kept here.", "Send it as file_data.")
    return File(field, modality, text_of(source, f"{field}.{key}"))


def _open(file: File, fetched: dict[str, Media], deadline: float) -> Media:
    address = file.source
    if file.modality == "image" and not _DATA_URI.match(address):
        if address not in fetched:
            fetched[address] = fetch_picture(address, timeout_s=deadline - time.monotonic())
        return fetched[address]
    data = _decoded(file)
    if file.modality == "image":
        return read_picture(data, file.field)
    media = read_media(data, file.field)
    if media.modality != file.modality:
        raise BadInput(f"{file.field}: the file is no {file.modality}.")
    return media


def _decoded(file: File) -> bytes:
    found = _DATA_URI.match(file.source)
    encoded = file.source[found.end() if found else 0 :]
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"{file.field}: this is not base64.", "Send data:…;base64,….") from None
