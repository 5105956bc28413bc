"""How the models are asked: settings that they take, the guide's six uses, and own presets."""

import json
from typing import Any

import streamlit as st

from lib.core.chat import MAX_TOKENS, ModelInfo, Option, Request
from lib.core.errors import AppError, BadInput
from lib.core.options import from_fields, to_fields
from lib.web import chat_samples, kit
from lib.web.texts import _, number

_FIELDS, _SCHEMA, _NAME, _PROBLEM, _OPEN, _LABEL = (
    "chat_options",
    "chat_schema",
    "chat_preset",
    "chat_preset_error",
    "chat_settings",
    "chat_settings_label",
)
_WIDGETS = ("system", "max_tokens", "temperature", "top_p", "seed", "stop", "thinking",
            "media_resolution")  # fmt: skip
_EMPTY: dict[str, Any] = {"system": "", "stop": []}
_FLOATS = ("temperature", "top_p")
_LEVELS = {"off": _("off"), "low": _("low"), "medium": _("medium"), "high": _("high")}


def options() -> Request:
    """What is set, as a request without messages; a JSON schema that is none is BadInput."""
    fields = dict(st.session_state.get(_FIELDS, {}))
    if schema := st.session_state.get(_SCHEMA, "").strip():
        fields["json_schema"] = _read_schema(schema)
    return from_fields(fields)


def _read_schema(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise BadInput(
            f"JSON schema: not valid JSON, line {line}.", "Correct it in the settings, or empty it."
        ) from None
    if not isinstance(found, dict):
        raise BadInput("JSON schema: an object is wanted.", 'For example {"type": "object"}.')
    return found


def put(fields: dict[str, Any]) -> None:
    """Set everything to these fields of core/options; for callbacks and before the widgets."""
    given = to_fields(from_fields(fields))
    given |= {name: float(given[name]) for name in _FLOATS if name in given}
    schema = given.pop("json_schema", None)
    st.session_state[_SCHEMA] = json.dumps(schema, indent=1, ensure_ascii=False) if schema else ""
    st.session_state[_FIELDS] = given
    for name in _WIDGETS:  # each of them, or an open panel would go on showing what was there
        st.session_state[_key(name)] = given.get(name, _EMPTY.get(name))


def _key(name: str) -> str:
    return f"chat_set_{name}"


def panel(models: list[ModelInfo]) -> None:
    """The button and, when open, the settings that any of these models takes."""
    settings = st.popover(_label(), icon=":material/tune:", key=_OPEN, on_change="rerun")
    if not settings.open:
        return
    with settings:
        _presets()
        _widgets(models)
        _save_preset()


def _label() -> str:
    """The button's text, with a dot when something is set."""
    # With another label it would be another popover, closed, in the midst of somebody's changes.
    if not st.session_state.get(_OPEN) or _LABEL not in st.session_state:
        changed = set(st.session_state.get(_FIELDS, {})) - {"max_tokens"}
        mark = " ·" if changed or st.session_state.get(_SCHEMA, "").strip() else ""
        st.session_state[_LABEL] = _("Settings") + mark
    found: str = st.session_state[_LABEL]
    return found


def _widgets(models: list[ModelInfo]) -> None:
    """What is left empty is «as the model does it by itself» and not sent."""
    own = _("as the model does it")
    st.text_area(_("System prompt"), **_kept("system"))
    st.number_input(
        _("Longest answer (tokens)"), 1, 1_000_000, None, 256, placeholder=number(MAX_TOKENS),
        **_kept("max_tokens", MAX_TOKENS),
    )  # fmt: skip
    if _any(models, "temperature"):
        st.number_input(
            _("Temperature"), 0.0, 2.0, None, 0.1, placeholder=own, **_kept("temperature"),
            help=_not_taken(models, "temperature"),
        )  # fmt: skip
    if _any(models, "top_p"):
        st.number_input(
            _("Top-p"), 0.01, 1.0, None, 0.05, placeholder=own, **_kept("top_p"),
            help=_not_taken(models, "top_p"),
        )  # fmt: skip
    if _any(models, "seed"):
        st.number_input(
            _("Seed"), 0, 2**31 - 1, None, placeholder=own, **_kept("seed"),
            help=_not_taken(models, "seed"),
        )  # fmt: skip
    _choices(models)


def _choices(models: list[ModelInfo]) -> None:
    if _any(models, "stop"):
        st.multiselect(
            _("Stop at"), st.session_state.get(_FIELDS, {}).get("stop", []), **_kept("stop"),
            accept_new_options=True, placeholder=_("type a text and press Enter"),
            max_selections=4,
        )  # fmt: skip
    levels = [level for level in _LEVELS if any(level in info.thinking for info in models)]
    if levels:
        _segments(_("Thinking"), levels, "thinking")
    if _any(models, "media_resolution"):
        _segments(_("Look at pictures with a resolution"), list(_LEVELS)[1:], "media_resolution")
    st.text_area(
        _("JSON schema of the answer"), key=_SCHEMA, persist_state="session",
        placeholder='{"type": "object", "properties": {"total": {"type": "number"}}}',
    )  # fmt: skip
    try:
        options()
    except AppError as error:
        kit.show_error(error)


def _segments(label: str, levels: list[str], name: str) -> None:
    st.segmented_control(
        label, levels, **_kept(name), format_func=_LEVELS.__getitem__,
        help=_("None chosen: as the model does it by itself."),
    )  # fmt: skip


def _kept(name: str, otherwise: Any = None) -> dict[str, Any]:
    """What a widget needs to show a field and to write it.

    The value goes through the key alone: with another default, a field could not be emptied.
    """
    key, now = _key(name), st.session_state.get(_FIELDS, {}).get(name, otherwise)
    if key not in st.session_state and now is not None:
        st.session_state[key] = now
    return {"key": key, "on_change": _keep, "args": (name,)}


def _keep(name: str) -> None:
    # In a callback: one click beside the panel ends a change and closes the panel, both at once.
    value = st.session_state.get(_key(name))
    others = {k: v for k, v in st.session_state.get(_FIELDS, {}).items() if k != name}
    st.session_state[_FIELDS] = others | ({} if value in (None, "", []) else {name: value})


def _any(models: list[ModelInfo], option: Option) -> bool:
    return any(option in info.takes for info in models)


def _not_taken(models: list[ModelInfo], option: Option) -> str | None:
    without = [info.id for info in models if option not in info.takes]
    return _("Not sent to {models}.").format(models=", ".join(without)) if without else None


def _presets() -> None:
    """The guide's uses and what people here saved; choosing one sets everything below."""
    own = kit.app().presets.all()
    uses = {f"use:{sample.key}": sample.title for sample in chat_samples.USES}
    names = [*uses, *(f"own:{name}" for name in own)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Preset"), names, index=None, key=_NAME, on_change=_use_preset,
            placeholder=_("Start from one"),
            format_func=lambda name: uses.get(name) or name.removeprefix("own:"),
        )  # fmt: skip
        if chosen and chosen.startswith("own:"):
            st.button(
                _("Delete"), icon=":material/delete:", on_click=_delete_preset, args=(chosen,),
                key="chat_preset_delete",
            )  # fmt: skip


def _use_preset() -> None:
    chosen = st.session_state.get(_NAME) or ""
    kind, _colon, name = chosen.partition(":")
    if kind == "own":
        put(kit.app().presets.all().get(name, {}))
    elif kind == "use":
        put(to_fields(chat_samples.use(name).options))


def _delete_preset(chosen: str) -> None:
    kit.app().presets.delete(chosen.removeprefix("own:"))
    st.session_state[_NAME] = None


def _save_preset() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(_("Save these settings as"), key="chat_preset_new", max_chars=80)
        st.button(_("Save"), icon=":material/save:", on_click=_save, key="chat_preset_save")
    if error := st.session_state.pop(_PROBLEM, None):
        kit.show_error(error)


def _save() -> None:
    try:
        kit.app().presets.save(st.session_state.get("chat_preset_new", ""), to_fields(options()))
        st.session_state["chat_preset_new"] = ""
    except AppError as error:
        st.session_state[_PROBLEM] = error
