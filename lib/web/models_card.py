"""A card for every provider: how each of its servers is, and the models it has."""

import pandas as pd
import streamlit as st

from lib.core.errors import AppError, AuthFailed, NotConfigured
from lib.core.station import HostedModel, HostReport
from lib.web import kit, models_library
from lib.web.chat_models import PROVIDERS
from lib.web.models_look import Look
from lib.web.models_words import gigabytes
from lib.web.tables import harmless
from lib.web.texts import UNKNOWN, _, number

NAMES = PROVIDERS | {"embedded": _("Built-in model")}
_SKELETON_PX = 90


def show(provider: str, look: Look | None) -> None:
    """None: its servers have not answered yet."""
    with st.container(border=True):
        st.subheader(NAMES[provider], anchor=provider)
        if look is None:
            st.skeleton(height=_SKELETON_PX)
            return
        for n, report in enumerate(look.stations.get(provider, ())):
            if n:
                st.divider()
            _server(provider, report)
            if provider == "ollama":
                models_library.show(n, report, look.gpus)


def _server(provider: str, report: HostReport) -> None:
    """One line on how it is; then its models, or the reason and the next step."""
    error = report.error
    with st.container(horizontal=True, vertical_alignment="center"):
        _badge(provider, error)
        if not isinstance(error, NotConfigured):
            st.text(report.address, width="content")
        if not error:
            st.caption(kit.literal(_facts(report)), width="content")
    if isinstance(error, NotConfigured):
        st.caption(kit.literal(error.hint))
    elif error:
        st.markdown(f"{kit.literal(str(error))} {kit.literal(error.hint)}")
    elif report.models:
        _table(provider, report)


def _badge(provider: str, error: AppError | None) -> None:
    if isinstance(error, NotConfigured):
        st.badge(_("not set up"), icon=":material/power_off:", color="gray")
    elif isinstance(error, AuthFailed):
        st.badge(_("key not accepted"), icon=":material/key_off:", color="red")
    elif error:
        st.badge(_("no answer"), icon=":material/error:", color="red")
    elif provider == "gemini":
        st.badge(_("key accepted"), icon=":material/key:", color="green")
    else:
        st.badge(_("reachable"), icon=":material/check_circle:", color="green")


def _facts(report: HostReport) -> str:
    """«Ollama 0.33.0 · 3 models»."""
    count = len(report.models)
    models = _("1 model") if count == 1 else _("{n} models").format(n=number(count))
    return f"{report.engine} {report.version} · {models}" if report.version else models


def _table(provider: str, report: HostReport) -> None:
    """A row a model; a column that this server tells of none of them is left out."""
    table = pd.DataFrame([_row(model) for model in report.models]).dropna(axis="columns", how="all")
    right = {_("context"): "localized", _("window"): "localized"}
    right |= dict.fromkeys((_("size"), _("in memory")), "%.2f GB")
    right |= {_("on the GPU"): "percent"}
    st.dataframe(
        harmless(table), hide_index=True, placeholder=UNKNOWN,
        alt=_("Models of {provider} at {address}").format(
            provider=NAMES[provider], address=report.address
        ),
        column_config={
            name: st.column_config.NumberColumn(format=style, help=_HELP.get(name))
            for name, style in right.items()
        },
    )  # fmt: skip


_HELP = {
    _("context"): _("the longest prompt and answer the model can take, in tokens"),
    _("window"): _("the tokens it was loaded with room for"),
    _("in memory"): _("what it takes of the server's memory now"),
    _("on the GPU"): _("the part of that memory which lies on the GPU"),
}


def _row(model: HostedModel) -> dict[str, str | float | None]:
    share = None
    if model.memory_bytes and model.gpu_bytes is not None:
        share = model.gpu_bytes / model.memory_bytes
    loaded = None if model.loaded is None else _("yes") if model.loaded else _("no")
    return {
        _("model"): model.name,
        _("size"): gigabytes(model.size_bytes),
        _("parameters"): model.parameters,
        _("quantisation"): model.quantisation,
        _("context"): model.context_tokens,
        _("reads"): ", ".join(model.input),
        _("loaded"): loaded,
        _("in memory"): gigabytes(model.memory_bytes),
        _("on the GPU"): share,
        _("window"): model.window_tokens,
    }
