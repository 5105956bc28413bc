"""The estimate page's widgets, read as the body `POST /api/estimate` takes; all kept in the URL."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from lib.core.assumptions import ENGINE_NAMES, ENGINES, MODES, TIERS
from lib.core.market import needs_of
from lib.core.sweep import typical_rents
from lib.store import estimate_tables
from lib.store.catalogue import gemini_models
from lib.web import kit
from lib.web.texts import _, usd

PRESETS_MTOK = {"10 M": 10.0, "100 M": 100.0, "1 B": 1000.0}  # the guide's three volumes
MIXES = {_("Chat"): (500, 500), _("Labels"): (400, 8), _("Documents"): (4000, 400)}  # in, out
MARK = "est_measured"  # in the URL: the speed test and level the speeds are from, see there
DEFAULT_GPU, DEFAULT_MODEL = "RTX 3060 12GB", "gemma3:4b"
# What the widgets of a machine begin with, beside the rent of that GPU.
USUAL = {
    "est_model": DEFAULT_MODEL, "est_engine": "ollama", "est_gpu": DEFAULT_GPU, "est_streams": 4
}  # fmt: skip
_STEPS = [m * 10.0**e for e in range(5) for m in (1, 1.5, 2, 3, 5, 7)]  # 1 M to 70 B
_MODES = {
    "always_on": _("always on"),
    "window": _("some hours a month"),
    "offline": _("in batches, off between them"),
    "spot": _("spot, may be interrupted"),
}


def volume() -> float:
    """Tokens a month: presets, a slider on a log scale, and the exact number."""
    state = st.session_state
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    millions = left.number_input(
        _("Tokens a month, in millions"), 0.0, 1e6, 100.0, key="est_mtok", format="%g",
        bind="query-params", help=_("Input and output together."),
    )  # fmt: skip
    state["est_volume"] = min(_STEPS, key=lambda step: abs(step - millions))
    right.select_slider(
        _("On a log scale"), _STEPS, key="est_volume", format_func=_short, on_change=_follow_slider
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("The guide's volumes:"), width="content")
        for name, value in PRESETS_MTOK.items():
            st.button(
                name, key=f"est_preset_{name}", type="tertiary", on_click=_set,
                args=("est_mtok", value),
            )  # fmt: skip
    return float(millions) * 1e6


def assumptions(tokens_per_month: float) -> dict[str, Any]:
    """The body of an estimate; every widget's value is in the URL once it is changed."""
    with st.expander(_("A request"), icon=":material/description:", expanded=True):
        _mixes()
        work = {
            "input_tokens": _number(_("Input tokens"), "in", 0, 1_000_000, 500),
            "output_tokens": _number(
                _("Output tokens, thinking included"), "out", 0, 1_000_000, 500
            ),
            "images_per_request": _number(_("Pictures"), "images", 0, 1000, 0),
            "audio_seconds_per_request": _number(_("Seconds of sound"), "audio", 0, 36_000, 0),
        }
    with st.expander(_("The API"), icon=":material/cloud:"):
        api = _api()
    with st.expander(_("Your GPU"), icon=":material/memory:", expanded=True):
        local = _local()
    with st.expander(_("Its rent"), icon=":material/payments:"):
        rental = _rental(local)
    body = {"tokens_per_month": tokens_per_month, **work}
    return {**body, "api": api, "local": local, "rental": rental}


def _mixes() -> None:
    """Requests of a usual shape in one click."""
    with st.container(horizontal=True):
        for name, shape in MIXES.items():
            st.button(
                name, key=f"est_preset_{name}", type="tertiary", on_click=st.session_state.update,
                args=(dict(zip(("est_in", "est_out"), shape, strict=True)),),
            )  # fmt: skip


def link() -> str:
    """The page's address with every value written out, so that new defaults change nothing."""
    state = st.session_state
    names = sorted(name for name in state if str(name).startswith("est_"))
    values = {str(name): state[name] for name in names if not _is_control(str(name))}
    given = {name: value for name, value in values.items() if value is not None}
    if mark := st.query_params.get(MARK):
        given[MARK] = mark
    address = (st.context.url or "").partition("?")[0]
    return f"{address}?{urlencode(given)}"


def _is_control(name: str) -> bool:
    return name.startswith("est_preset_") or name in ("est_volume", "est_live", "est_use_live")


def _set(name: str, value: Any) -> None:
    st.session_state[name] = value


def _follow_slider() -> None:
    st.session_state["est_mtok"] = st.session_state["est_volume"]


def _short(millions: float) -> str:
    return f"{millions / 1000:g} B" if millions >= 1000 else f"{millions:g} M"


def _number(label: str, key: str, low: Any, high: Any, value: Any, **more: Any) -> Any:
    return st.number_input(label, low, high, value, key=f"est_{key}", bind="query-params", **more)


def _share(label: str, key: str, value: int = 0, low: int = 0) -> float:
    return float(st.slider(label, low, 100, value, key=f"est_{key}", bind="query-params")) / 100


def _one_of(label: str, key: str, options: list[str], default: str) -> str:
    return str(
        st.selectbox(label, options, options.index(default), key=f"est_{key}", bind="query-params")
    )


def _api() -> dict[str, Any]:
    names = [model.id for model in gemini_models()]
    return {
        "model": _one_of(_("Model"), "api", names, names[0]),
        "tier": _one_of(_("Tier"), "tier", list(TIERS), "standard"),
        "batch_share": _share(_("Sent through the Batch API, %"), "batch"),
        "cached_share": _share(_("Input read from the cache, %"), "cached"),
        "retry_share": _share(_("Calls repeated, %"), "retry"),
    }


def _local() -> dict[str, Any]:
    gpus = list(estimate_tables.gpus())
    models = list(estimate_tables.local_models())
    local: dict[str, Any] = {
        "model": _one_of(_("Model"), "model", models, DEFAULT_MODEL),
        "engine": _one_of(_("Engine"), "engine", list(ENGINES), "ollama"),
        "gpu": st.selectbox(
            _("GPU"), gpus, gpus.index(DEFAULT_GPU), key="est_gpu", bind="query-params",
            on_change=_take_typical_rent,
        ),
        "concurrency": int(_number(_("Requests at the same time"), "streams", 1, 1024, 4)),
    }  # fmt: skip
    st.caption(
        _("{engine} weights. What you measured yourself replaces the modelled speed:").format(
            engine=ENGINE_NAMES[local["engine"]]
        )
    )
    local["decode_tok_s"] = _number(
        _("Answer tok/s, all streams together"), "decode", 0.01, 1e6, None
    )
    local["prefill_tok_s"] = _number(_("Prompt tok/s"), "prefill", 0.01, 1e7, None)
    return local


def _take_typical_rent() -> None:
    st.session_state["est_rent"] = typical_rent(st.session_state["est_gpu"])


def typical_rent(gpu: str) -> float:
    """US dollars an hour that a GPU begins with; 1 where nobody knows."""
    return float(typical_rents(estimate_tables.gpus()).get(gpu, 1))


def _rental(local: dict[str, Any]) -> dict[str, Any]:
    mode = st.selectbox(
        _("Rented"), MODES, key="est_mode", bind="query-params", format_func=_MODES.__getitem__
    )
    rental = {
        "mode": mode,
        "usd_per_hour": _number(
            _("US dollars an hour, one GPU"), "rent", 0.0, 1000.0, typical_rent(DEFAULT_GPU),
            step=0.01,
        ),
        "fee_share": _share(_("Marketplace fee, %"), "fee", 5),
        "max_utilisation": _share(_("Highest utilisation, %"), "busy", 60, low=1),
        "labour_usd_per_month": _number(_("Labour, $ a month"), "labour", 0.0, 1e6, 0.0),
    }  # fmt: skip
    _price_notes(local)
    return {**rental, **_more_rental(str(mode))}


def _more_rental(mode: str) -> dict[str, Any]:
    """Only what the mode looks at; the contract's defaults stand for the rest."""
    if mode in ("always_on", "window"):
        more = {"peak_to_average": _number(_("Peak ÷ average"), "peak", 1.0, 100.0, 1.0)}
        if mode == "window":
            hours = _number(_("Active hours a month"), "hours", 1.0, 730.0, 220.0)
            more["active_hours_per_month"] = hours
    else:
        more = {"minimum_hours": _number(_("Fewest hours a start"), "least", 0.0, 730.0, 0.0)}
        if mode == "spot":
            stops = _number(_("Interruptions an hour"), "stops", 0.0, 10.0, 0.05, step=0.01)
            more["interruptions_per_hour"] = stops
    if mode != "always_on":
        more["sessions_per_month"] = _number(_("Starts a month"), "starts", 0.0, 10_000.0, 1.0)
        more["cold_start_hours"] = _number(_("Hours until ready"), "cold", 0.0, 24.0, 0.25)
    return more


def _price_notes(local: dict[str, Any]) -> None:
    """Where the dated price comes from, and on request what Clore asks now."""
    gpu = local["gpu"]
    row = estimate_tables.gpus()[gpu]
    low, typical = usd(row.usd_per_hour_low), usd(row.usd_per_hour_typical)
    note = _("{gpu}: from {low}, typically {typical} an hour ({day}).")
    st.caption(
        note.format(gpu=gpu, low=low, typical=typical, day=row.price_date).replace("$", r"\$")
    )
    if not st.toggle(_("Ask Clore's marketplace now"), key="est_live"):
        return
    model = estimate_tables.local_models()[local["model"]]
    size = model.q4_resident_gb if local["engine"] == "ollama" else model.bf16_resident_gb
    needs = needs_of(Decimal(str(size)), local["engine"])
    market = kit.market().read()
    band = market.prices(needs).get(gpu) if market.live else None
    if band is None:
        st.caption(market.note or _("No free {gpu} is offered there now.").format(gpu=gpu))
        return
    text = _("{n} offers now: {p10} to {p90}, median {median} an hour.")
    st.caption(
        text.format(
            n=band.count, p10=usd(band.p10), p90=usd(band.p90), median=usd(band.median)
        ).replace("$", r"\$")
    )
    st.button(
        _("Use the median"), key="est_use_live", on_click=_set,
        args=("est_rent", float(band.median)),
    )  # fmt: skip
