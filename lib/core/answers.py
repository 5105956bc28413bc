"""A model's answer -> a label, or nothing: what constrained decoding promises is checked here."""

import contextlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from lib.core.chat import TokenLogprob

_MARKS = "\"'`*_~“”‘’«»„ \t\r\n\u00a0"
# Of a Markdown heading, a list or a quotation; before a number it may be a sign.
_LEAD = re.compile(r"\A(#{1,6}|[-+>])[ \t]+(?![ \t\d])")


def label_of(answer: str, names: Iterable[str]) -> str | None:
    """The one name an answer equals, blanks, quotes, marks, a final stop and case apart.

    What equals two names, or none, is no label.
    """
    names = tuple(names)
    exact = {name.strip().casefold(): name for name in names}
    said = answer.strip()
    inner = _unquoted(said).strip()
    if found := {exact[form.casefold()] for form in (said, inner) if form.casefold() in exact}:
        return found.pop() if len(found) == 1 else None
    inner = _LEAD.sub("", inner)
    bare = _bare(inner).casefold()
    for form in (inner.strip(_MARKS).casefold(), bare):
        if form in exact:
            return exact[form]
    like = [name for name in names if bare and _bare(name).casefold() == bare]
    return like[0] if len(like) == 1 else None


def _unquoted(said: str) -> str:
    """Some servers give a constrained answer as a JSON string."""
    if said.startswith('"') and said.endswith('"'):
        with contextlib.suppress(ValueError):
            return str(json.loads(said))
    return said


def _bare(said: str) -> str:
    return said.strip(_MARKS).removesuffix(".").strip(_MARKS)


def labels_of(answer: str, ids: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """What a pack's answer says of each id: a JSON list of {id, label} or an object keyed by id.

    Ids that are missing, unknown, invalid or said twice with different labels are left out, so
    that no row ever gets another row's label.
    """
    said: dict[int, set[str | None]] = {}
    for given, label in _pairs(_read(answer)):
        number = _id(given)
        if number in ids:
            found = label_of(label, names) if isinstance(label, str) else None
            said.setdefault(number, set()).add(found)
    one = {number: next(iter(found)) for number, found in said.items() if len(found) == 1}
    return {number: label for number, label in one.items() if label is not None}


def _read(answer: str) -> Any:
    """The JSON in an answer; models like to wrap it in a code fence."""
    text = answer.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A key that is said twice with different values has none: neither is surely meant."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = value if found.get(key, value) == value else None
    return found


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        inner = list(value.values())
        if len(inner) == 1 and isinstance(inner[0], list | dict) and "label" not in inner[0]:
            return _pairs(inner[0])  # {"answers": [...]}
        return [(key, _label_in(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [(i.get("id"), i.get("label")) for i in value if isinstance(i, dict)]
    return []


def _label_in(item: Any) -> Any:
    return item.get("label") if isinstance(item, dict) else item


def _id(given: Any) -> int:
    if isinstance(given, str) and given.strip().isdecimal() and len(given) < 12:
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else -1


def confidence_of(tokens: Sequence[TokenLogprob]) -> float | None:
    """The probability the model gave the label it wrote, from its tokens' log-probabilities.

    None when the provider gave none, or a token that is not a probability.
    """
    if not tokens or any(not math.isfinite(one.logprob) for one in tokens):
        return None
    return math.exp(min(0.0, sum(one.logprob for one in tokens)))


def vote(labels: Sequence[str | None]) -> tuple[str | None, float | None]:
    """The most frequent label (the first among equals) and its share of all votes."""
    valid = [label for label in labels if label is not None]
    if not valid:
        return None, None
    winner = max(dict.fromkeys(valid), key=valid.count)
    return winner, valid.count(winner) / len(labels)
