"""What the estimate says of its speeds: measured or modelled, where, and whether that still fits.

The page's URL holds its widgets as always, and `est_measured=<id>:<streams>`: the level that the
speeds are from.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.assumptions import Machine
from lib.core.estimate import Estimate
from lib.core.throughput import Speed
from lib.web import kit, plain_link, speed_words
from lib.web.estimate_controls import MARK, typical_rent
from lib.web.speed_use import Measured, measured
from lib.web.texts import UNKNOWN, _, number

_MACHINE = ("est_model", "est_engine", "est_gpu")
_NAMES = {
    "est_model": _("model"),
    "est_engine": _("engine"),
    "est_gpu": _("GPU"),
    "est_streams": _("requests at the same time"),
    "est_decode": _("answer tok/s"),
    "est_prefill": _("prompt tok/s"),
}


def show(found: Estimate) -> None:
    """Both speeds and where they are from; then the test they are from, or one that could be."""
    known, machine = measured(kit.app().speed_tests.all()), found.assumptions.local
    mark = st.query_params.get(MARK)
    one = next((one for one in known if one.mark == mark), None)
    other = {"est_decode", "est_prefill"} if mark is None else set(_changed(one, machine))
    st.caption(
        _("Answers: {decode} · prompts: {prefill}").format(
            decode=_told(found.speeds.decode, "est_decode" in other),
            prefill=_told(found.speeds.prefill, "est_prefill" in other),
        )
    )
    if mark:
        _note(one, machine)
    elif offered := _measured_here(known, machine):
        st.button(
            _("Use what you measured here"), icon=":material/speed:", key="est_preset_measured",
            on_click=_take, args=(offered,), help=kit.literal(_facts(offered)),
        )  # fmt: skip


def _told(speed: Speed, entered: bool) -> str:
    """`entered`: where a speed is given, it is none that was measured here."""
    value = number(float(speed.value), 0 if speed.value >= speed_words.WHOLE else 1)
    if speed.source == "measured" and entered:
        return _("{value} tok/s :blue-badge[entered]").format(value=value)
    if speed.source == "measured":
        return _("{value} tok/s :green-badge[measured]").format(value=value)
    text = _("{value} tok/s, between {low} and {high} :gray-badge[modelled]")
    return text.format(value=value, low=number(float(speed.low)), high=number(float(speed.high)))


def _measured_here(known: Sequence[Measured], machine: Machine) -> Measured | None:
    """Of the newest test of this model, engine and GPU the level nearest to the asked streams."""
    chosen = {name: value for name, value in _now(machine).items() if name in _MACHINE}
    alike = [one for one in known if one.machine == chosen]
    newest = [one for one in alike if one.test.id == alike[0].test.id]
    return min(newest, key=lambda one: abs(one.level.streams - machine.concurrency), default=None)


def _note(one: Measured | None, machine: Machine) -> None:
    with st.container(border=True):
        if one is None:
            st.markdown(_("The test these speeds are from is not on this server any more."))
        else:
            st.markdown(f"**{_('Measured')}:** {kit.literal(_facts(one))}")
            _differences(one, machine)
        with st.container(horizontal=True):
            if one and _changed(one, machine):
                st.button(
                    _("Set it back"), icon=":material/restart_alt:", key="est_preset_back",
                    on_click=_take, args=(one,),
                )  # fmt: skip
            st.button(
                _("Use the modelled speeds"), icon=":material/undo:", key="est_preset_modelled",
                on_click=_drop,
            )  # fmt: skip
            if one:
                plain_link.show(_("See the test"), "models", {speed_words.SHOWN: one.test.id})


def _facts(one: Measured) -> str:
    """«gemma3:4b Q4_K_M · Ollama 0.33.0 · RTX 3060 12GB · 4 streams · 23 Nov 2026 · 512 in, …»."""
    parts = (
        speed_words.subject(one.test),
        speed_words.served(one.level),
        speed_words.day(one.test),
        speed_words.sizes(one.test.plan),
    )
    return " · ".join(parts)


def _differences(one: Measured, machine: Machine) -> None:
    """What the tables call otherwise or do not know, and what was changed since."""
    if (tag := one.machine.get("est_model", one.model)) != one.model:
        text = _("{model} counts as {tag} in the estimate.")
        st.caption(kit.literal(text.format(model=one.model, tag=tag)))
    if one.unknown:
        text = _("The estimate has no figures for {names}: choose in the sidebar what comes "
                 "nearest, for its memory and rent. The speeds are these.")  # fmt: skip
        st.caption(kit.literal(text.format(names=", ".join(one.unknown))))
    if changed := _changed(one, machine):
        told = ", ".join(
            _("{what} (measured: {value})").format(what=_NAMES[name], value=value)
            for name, value in changed.items()
        )
        text = _("Not as it was measured any more: {changes}.")
        st.warning(kit.literal(text.format(changes=told)), icon=":material/warning:")


def _changed(one: Measured | None, machine: Machine) -> dict[str, Any]:
    """What was measured, where the estimate has something else; of a test that is gone nothing."""
    if one is None:
        return {}
    wanted, now = one.machine | one.speeds, _now(machine)
    return {
        name: UNKNOWN if value is None else value
        for name, value in wanted.items()
        if value != now[name]
    }


def _now(machine: Machine) -> dict[str, Any]:
    """What the estimate is made with, by widget."""
    return {
        "est_model": machine.model,
        "est_engine": machine.engine,
        "est_gpu": machine.gpu,
        "est_streams": machine.concurrency,
        "est_decode": _float(machine.decode_tok_s),
        "est_prefill": _float(machine.prefill_tok_s),
    }


def _take(one: Measured) -> None:
    state, values = st.session_state, one.machine | one.speeds
    if (gpu := values.get("est_gpu", state["est_gpu"])) != state["est_gpu"]:
        values["est_rent"] = typical_rent(gpu)
    state.update(values)
    st.query_params[MARK] = one.mark


def _drop() -> None:
    st.session_state.update(est_decode=None, est_prefill=None)
    st.query_params.pop(MARK, None)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
