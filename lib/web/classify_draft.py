"""A job being prepared: kept beside its file under the name the URL holds; a reload loses nothing.

Names of uploads are random, so nobody finds another person's draft by trying.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

import streamlit as st

from lib.core.errors import AppError
from lib.web import kit

URL_FIELD = "draft"
_STATE, _SAVED, _VERSION = "cls_draft", "cls_draft_saved", "cls_version"
_NAME = re.compile(r"[0-9a-f]{32}")
Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Draft:
    """`labels` are (name, description), `examples` (text, label); `fields` are widgets' values."""

    name: str
    upload: str
    file: str
    labels: Pairs = field(default_factory=list)
    examples: Pairs = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)


def current() -> Draft | None:
    """The draft of this session or of the URL, whose file is still there."""
    found: Draft | None = st.session_state.get(_STATE)
    asked = st.query_params.get(URL_FIELD)
    if found is None or (asked is not None and asked != found.name):
        found = _load(asked) if asked else None
        if found:
            _show(found)
    if found is not None and asked != found.name:
        st.query_params[URL_FIELD] = found.name
    return found


def begin(upload: str, file: str, **given: Any) -> Draft:
    """A new draft for a stored file; `given` are fields of a Draft."""
    name, _ = kit.app().uploads.new()
    draft = Draft(name, upload, file, **given)
    _show(draft)
    st.query_params[URL_FIELD] = name
    save(draft)
    return draft


def save(draft: Draft) -> None:
    """Write it down, if something has changed."""
    text = json.dumps(asdict(draft))
    if text == st.session_state.get(_SAVED):
        return
    _, path = kit.app().uploads.new()
    path.write_text(text, encoding="utf-8")
    path.replace(path.with_name(draft.name))
    st.session_state[_SAVED] = text


def drop(with_file: bool = True) -> None:
    """Forget the draft; its file too, unless a job has it now."""
    draft: Draft | None = st.session_state.get(_STATE)
    if draft:
        kit.app().uploads.delete(draft.name)
        if with_file:
            kit.jobs().discard(draft.upload)
    _show(None)
    st.query_params.pop(URL_FIELD, None)


def replace(draft: Draft, labels: Pairs | None = None, examples: Pairs | None = None) -> None:
    """Other labels or examples; their editors begin anew from them."""
    draft.labels = draft.labels if labels is None else labels
    draft.examples = draft.examples if examples is None else examples
    st.session_state[_VERSION] = version() + 1


def version() -> int:
    """Part of the editors' keys: an editor's edits belong to the rows it began with."""
    return int(st.session_state.get(_VERSION, 0))


def seed(draft: Draft, name: str, default: Any = None) -> str:
    """The key of a widget, its value taken from the draft when the widget is new."""
    key = f"cls_{name}"
    st.session_state.setdefault(key, draft.fields.get(name, default))
    return key


def _load(name: str) -> Draft | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        given = json.loads(kit.app().uploads.path(name).read_text(encoding="utf-8"))
        draft = Draft(**given)
        if not _NAME.fullmatch(draft.upload):
            return None
        kit.app().uploads.path(draft.upload)
    except (AppError, ValueError, TypeError):
        return None
    return draft


def _show(draft: Draft | None) -> None:
    """This draft from now on; what the widgets of another one held is forgotten."""
    state = st.session_state
    for key in [key for key in state if str(key).startswith("cls_") and key != _VERSION]:
        del state[key]
    state[_VERSION] = version() + 1
    state[_STATE] = draft
