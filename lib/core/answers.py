"""A model's answer -> a label, or nothing: what constrained decoding promises is checked here."""

import contextlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lib.core.chat import TokenLogprob

_MARKS = "\"'`*_~“”‘’«»„ \t\r\n\u00a0"


def label_of(answer: str, names: Iterable[str]) -> str | None:
    """The one name an answer equals, blanks, quotes, marks, a final stop and case apart."""
    names = tuple(names)
    exact = {name.strip().casefold(): name for name in names}
    said = _unquoted(answer.strip())
    for form in (said, said.strip(_MARKS), said.strip(_MARKS).removesuffix(".").strip(_MARKS)):
        if (found := exact.get(form.casefold())) is not None:
            return found
    bare = {name.strip(_MARKS).removesuffix(".").strip(_MARKS): name for name in names}
    return _only(said.strip(_MARKS).removesuffix(".").strip(_MARKS), bare)


def _unquoted(said: str) -> str:
    """Some servers give a constrained answer as a JSON string."""
    if said.startswith('"') and said.endswith('"'):
        with contextlib.suppress(ValueError):
            return str(json.loads(said))
    return said


def _only(said: str, bare: Mapping[str, str]) -> str | None:
    found = [name for form, name in bare.items() if form and form.casefold() == said.casefold()]
    return found[0] if len(found) == 1 else None


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
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
    return min(1.0, math.exp(sum(one.logprob for one in tokens)))


def vote(labels: Sequence[str | None]) -> tuple[str | None, float | None]:
    """The most frequent label (the first among equals) and its share of all votes."""
    valid = [label for label in labels if label is not None]
    if not valid:
        return None, None
    winner = max(dict.fromkeys(valid), key=valid.count)
    return winner, valid.count(winner) / len(labels)
