"""How the fake labels texts, one at a time or a pack of them, and what single rows may spoil.

Directives of a row: `say` is its answer, underscores standing for blanks. `pack` (see PACK_FAULTS)
spoils its item, in packs of more than one row. `once` is a fault for the first call with this very
text: one of FAULTS for the call, `invalid` for an answer that is no label, `say` for `say`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.sample import kind, resolve

PACK_FAULTS = frozenset({"missing", "twice", "stranger", "shuffle", "invalid"})
ROW_FAULTS = frozenset({"invalid", "say"})
NO_LABEL = "no label at all"
STRANGER = 987_654

_DIRECTIVE = re.compile(r"\s*#(say|pack|once)=(\S+)")
_ANY_DIRECTIVE = re.compile(r"\s*#[a-z]+=\S+")


@dataclass(frozen=True, slots=True)
class Row:
    """One text to label; `text` is as it was sent, and `id` None outside packs."""

    text: str
    id: Any = None
    say: str = ""
    pack: str = ""
    once: str = ""

    def said(self, choices: tuple[str, ...], fresh: bool) -> str:
        """What `say` says, else the first choice that is a word of the text, else the first."""
        if self.once == "invalid" and fresh:
            return NO_LABEL
        if self.say and (fresh or self.once != "say"):
            return self.say
        plain = _ANY_DIRECTIVE.sub("", self.text)
        return next((c for c in choices if _is_word_of(c, plain)), (*choices, "ok")[0])


def read_row(text: str, number: Any = None) -> Row:
    """A row with its directives. Raises ValueError for a `pack` that does not exist."""
    found = dict(_DIRECTIVE.findall(text))
    if found.get("pack") and found["pack"] not in PACK_FAULTS:
        raise ValueError(f"the fake knows no pack {found['pack']!r}")
    say = found.pop("say", "").replace("_", " ")
    return Row(text, number, say=say, **found)


def read_pack(last: str, schema: dict[str, Any] | None) -> tuple[tuple[Row, ...], str]:
    """The rows of a prompt that asks for a pack, and the prompt without them; no rows: no pack."""
    if schema is None or kind(resolve(schema, schema)) not in ("array", "object"):
        return (), last
    lines = [(line, _row(line)) for line in last.split("\n")]
    rows = tuple(row for _, row in lines if row is not None)
    if not all(_label(schema, row) for row in rows):
        return (), last
    return rows, "\n".join(line for line, row in lines if row is None)


def choices_of(schema: dict[str, Any] | None) -> tuple[str, ...]:
    """The texts a schema of one string allows; none for any other schema."""
    if schema is None:
        return ()
    schema = resolve(schema, schema)
    return tuple(schema.get("enum") or ()) if kind(schema) == "string" else ()


def pack_answer(rows: tuple[Row, ...], schema: dict[str, Any], fresh: frozenset[str]) -> str:
    """The JSON text: a list of ids and labels, or an object keyed by id, as the schema wants."""
    pairs = [pair for row in rows for pair in _pairs(row, len(rows) > 1, schema, fresh)]
    if len(rows) > 1 and any(row.pack == "shuffle" for row in rows):
        pairs.reverse()
    if kind(resolve(schema, schema)) == "array":
        return _dumps([{"id": number, "label": label} for number, label in pairs])
    # By hand, because a dict cannot hold an id twice.
    return "{" + ", ".join(f"{_dumps(str(n))}: {_dumps(label)}" for n, label in pairs) + "}"


def _pairs(
    row: Row, several: bool, schema: dict[str, Any], fresh: frozenset[str]
) -> list[tuple[Any, str]]:
    choices = tuple(_label(schema, row).get("enum") or ())
    label = row.said(choices, row.text in fresh)
    other = next((c for c in choices if c != label), NO_LABEL)
    stranger = STRANGER if isinstance(row.id, int) else str(STRANGER)
    spoilt = {
        "missing": [],
        "twice": [(row.id, label), (row.id, other)],
        "stranger": [(row.id, label), (stranger, label)],
        "invalid": [(row.id, NO_LABEL)],
    }
    return spoilt.get(row.pack if several else "", [(row.id, label)])


def _label(schema: dict[str, Any], row: Row) -> dict[str, Any]:
    """The schema of a row's label; empty when the schema has no place for it."""
    top = resolve(schema, schema)
    if kind(top) == "array":
        item = resolve(top.get("items") or {}, schema)
        part = (item.get("properties") or {}).get("label")
    else:
        part = (top.get("properties") or {}).get(str(row.id)) or top.get("additionalProperties")
    return resolve(part, schema) if isinstance(part, dict) else {}


def _row(line: str) -> Row | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or not {"id", "text"} <= set(found):
        return None
    return read_row(str(found["text"]), found["id"])


def _is_word_of(choice: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text, re.IGNORECASE) is not None


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
