"""Choosing models: which there are, what each reads and costs, and why some are off."""

import streamlit as st

from lib.core.chat import ModelInfo
from lib.core.markdown import presentable
from lib.web import kit
from lib.web.texts import _, number, usd
from lib.work.ask import price_of

MOST_COMPARED = 4
PROVIDERS = {"gemini": "Gemini API", "ollama": "Ollama", "vllm": "vLLM", "embedded": _("built in")}
_KEY, _PICKED = "model", "chat_picked"


def pick_model() -> str | None:
    """The one model of the page Classify, kept in the URL; None when nothing can be asked."""
    on = _available()
    if not on:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(_("Model"), list(on), key="cls_model", bind="query-params")
        _show_off()
    st.caption(_facts(on[chosen]))
    return chosen


def pick_models() -> list[ModelInfo]:
    """One to four models that answer side by side, kept in the URL; empty: nothing to ask."""
    on = _available()
    if not on:
        return []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            _("Models"), list(on), default=[next(iter(on))], key=_KEY, bind="query-params",
            max_selections=MOST_COMPARED, persist_state="session",
            help=_("Choose up to four: they answer the same prompt side by side."),
        )  # fmt: skip
        _show_off()
    if not chosen:
        st.caption(_("Choose a model to ask."))
    elif len(chosen) == 1:
        st.caption(_facts(on[chosen[0]]))
    else:
        lines = (f"**{kit.literal(name)}** · {_facts(on[name])}" for name in chosen)
        st.caption("  \n".join(lines))
    st.session_state[_PICKED] = chosen
    return [on[name] for name in chosen]


def picked() -> list[str]:
    """The models' ids, also in a callback that comes before the picker."""
    found: list[str] = st.session_state.get(_KEY) or st.session_state.get(_PICKED) or []
    return found


def compares() -> bool:
    """Whether several models are chosen, before the picker is drawn."""
    return len(st.session_state.get(_KEY) or st.query_params.get_all(_KEY)) > 1


def choose(models: list[str]) -> None:
    """Put these models into the picker, as far as they can be asked; call it in a callback."""
    on = {info.id for info in kit.app().models.all() if info.available}
    if known := [model for model in models if model in on]:
        st.session_state[_KEY] = known[:MOST_COMPARED]


def _available() -> dict[str, ModelInfo]:
    on = {info.id: info for info in kit.app().models.all() if info.available}
    if not on:
        st.warning(_("No model can be asked yet."), icon=":material/power_off:")
        _list_off()
    return on


def _show_off() -> None:
    if any(not info.available for info in kit.app().models.all()):
        off = st.popover(
            _("What is off"), icon=":material/power_off:", on_change="rerun", key="chat_off"
        )
        if off.open:
            with off:
                _list_off()


def _list_off() -> None:
    """Each reason once, with the models it keeps off."""
    reasons: dict[str, list[str]] = {}
    for info in kit.app().models.all():
        if not info.available:
            reasons.setdefault(info.reason or "", []).append(info.provider)
    for reason, providers in reasons.items():
        st.markdown(f"**{PROVIDERS[providers[0]]}**: {presentable(reason)}")


def _facts(info: ModelInfo) -> str:
    """One line: what the model reads, how much fits, what it costs."""
    price, rent = price_of(kit.app(), info), kit.app().settings.gpu_usd_per_hour
    cost = _("price unknown: set GPU_USD_PER_HOUR")
    if price:
        cost = _("{input} in, {output} out per million tokens (checked {day})").format(
            input=usd(price.input_usd_per_mtok),
            output=usd(price.output_usd_per_mtok),
            day=price.source.checked.isoformat().replace("-", "\N{NON-BREAKING HYPHEN}"),
        )
    elif rent is not None and info.provider != "gemini":
        cost = _("{rent} an hour").format(rent=usd(rent))
    elif info.provider == "gemini":
        cost = _("price unknown")
    window = _("{tokens} tokens of context").format(tokens=number(info.context_tokens))
    reads = _("reads {kinds}").format(kinds=", ".join(info.input))
    return " · ".join((reads, window, cost)).replace("$", r"\$")
