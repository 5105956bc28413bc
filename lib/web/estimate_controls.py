"""The estimate page's widgets, read as the body `POST /api/estimate` takes; all kept in the URL."""

from typing import Any

import streamlit as st

from lib.core.assumptions import ENGINES, TIERS
from lib.store import estimate_tables
from lib.store.catalogue import gemini_models
from lib.web.texts import _

PRESETS_MTOK = {"10 M": 10.0, "100 M": 100.0, "1 B": 1000.0}  # the guide's three volumes
_STEPS = [m * 10**e for e in range(5) for m in (1, 1.5, 2, 3, 5, 7)]  # 1 M to 70 B on a log scale
_MODE_NAMES = {
    "always_on": _("always on"),
    "window": _("some hours a day"),
    "offline": _("in batches"),
    "spot": _("spot, may be interrupted"),
}


def read() -> dict[str, Any]:
    """The body of an estimate; every widget's value is in the URL once it differs."""
    volume = _volume()
    with st.expander(_("Requests"), icon=":material/description:", expanded=True):
        work = _work()
    with st.expander(_("Gemini API"), icon=":material/cloud:"):
        api = _api()
    with st.expander(_("Your GPU"), icon=":material/memory:", expanded=True):
        local, rental = _local(), _rent()
    return {"tokens_per_month": volume, **work, "api": api, "local": local, "rental": rental}


def _volume() -> float:
    """Tokens a month: three presets, a slider on a log scale, and the exact number."""
    state = st.session_state
    millions = st.number_input(
        _("Tokens a month, in millions"), 0.0, 1e6, 100.0, key="est_mtok", bind="query-params",
        help=_("Input and output together."),
    )  # fmt: skip
    with st.container(horizontal=True):
        for name, value in PRESETS_MTOK.items():
            st.button(
                name, key=f"est_preset_{name}", on_click=state.update, args=[{"est_mtok": value}]
            )
    state["est_volume"] = min(_STEPS, key=lambda step: abs(step - millions))
    st.select_slider(
        _("On a log scale"), _STEPS, key="est_volume", format_func=_short, on_change=_follow_slider
    )
    return float(millions) * 1e6


def _follow_slider() -> None:
    st.session_state["est_mtok"] = float(st.session_state["est_volume"])


def _short(millions: float) -> str:
    return f"{millions / 1000:g} B" if millions >= 1000 else f"{millions:g} M"


def _number(label: str, key: str, low: float, high: float, value: Any, **more: Any) -> Any:
    return st.number_input(label, low, high, value, key=f"est_{key}", bind="query-params", **more)


def _share(label: str, key: str, value: int = 0, **more: Any) -> float:
    percent = st.slider(label, 0, 100, value, key=f"est_{key}", bind="query-params", **more)
    return float(percent) / 100


def _work() -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        tokens_in = _number(_("Input tokens a request"), "in", 0.0, 1e6, 500.0)
    with right:
        tokens_out = _number(_("Output tokens a request"), "out", 0.0, 1e6, 500.0)
    images = _number(_("Pictures a request"), "images", 0.0, 1000.0, 0.0)
    return {"input_tokens": tokens_in, "output_tokens": tokens_out, "images_per_request": images}


def _api() -> dict[str, Any]:
    names = [model.id for model in gemini_models()]
    return {
        "model": st.selectbox(_("API model"), names, key="est_api", bind="query-params"),
        "tier": st.segmented_control(
            _("Tier"), TIERS, default="standard", key="est_tier", bind="query-params", required=True
        ),
        "batch_share": _share(_("Sent by the Batch API (%)"), "batch"),
        "cached_share": _share(_("Input read from the cache (%)"), "cached"),
        "retry_share": _share(_("Repeated calls (%)"), "retry"),
    }


def _local() -> dict[str, Any]:
    models = list(estimate_tables.local_models())
    gpus = list(estimate_tables.gpus())
    body = {
        "model": st.selectbox(
            _("Model"), models, key="est_model", bind="query-params", index=models.index("gemma3:4b")
        ),
        "gpu": st.selectbox(_("GPU"), gpus, key="est_gpu", bind="query-params"),
        "engine": st.segmented_control(
            _("Engine"), ENGINES, default="ollama", key="est_engine", bind="query-params",
            required=True,
        ),
        "concurrency": int(_number(_("Parallel requests"), "streams", 1, 1024, 4)),
    }  # fmt: skip
    left, right = st.columns(2)
    with left:
        decode = _number(_("Measured answer tok/s"), "decode", 0.1, 1e6, None)
    with right:
        prefill = _number(_("Measured prompt tok/s"), "prefill", 0.1, 1e7, None)
    return {**body, "decode_tok_s": decode, "prefill_tok_s": prefill}


def _rent() -> dict[str, Any]:
    return {}
