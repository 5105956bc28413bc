"""What can be done with an Ollama's models: load, unload, delete them, and get others."""

from collections.abc import Sequence

import streamlit as st

from lib.core.station import HostedModel, HostReport
from lib.store.gpu import MachineGpu
from lib.web import kit, models_get, models_pulls
from lib.web.models_acts import show_refused
from lib.web.models_deeds import Deed, Verb
from lib.web.models_words import size
from lib.web.texts import _

WAIT_S = 1.5  # how long a click waits for its deed; most are done within it

_DOING: dict[Verb, str] = {
    "load": _("loading"), "unload": _("unloading"), "delete": _("deleting")
}  # fmt: skip
_FAILED: dict[Verb, str] = {
    "load": _("{model} could not be loaded."),
    "unload": _("{model} could not be unloaded."),
    "delete": _("{model} could not be deleted."),
}


def show(n: int, report: HostReport, gpus: Sequence[MachineGpu]) -> None:
    """The tools of the n-th Ollama; of a silent one only what was begun with it."""
    host = kit.app().library.hosts[n]
    deeds = {model: deed for (at, model), deed in kit.deeds().all().items() if at == host}
    models = {model.name: model for model in report.models}
    if models:
        _manage(n, host, models, deeds)
    elif not report.error:
        st.markdown(_("No model is here yet. Get one, and every page can ask it."))
    _failed(n, host, deeds)
    models_pulls.show(n, host, models)
    show_refused(host)
    if not report.error:
        models_get.show(n, host, report, gpus)


def _manage(n: int, host: str, models: dict[str, HostedModel], deeds: dict[str, Deed]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            _("Model to load or delete"), list(models), key=f"mod_one_{n}", width=320
        )
        deed = deeds.get(name)
        if deed and deed.under_way:
            st.button(_DOING[deed.verb], icon="spinner", key=f"mod_doing_{n}", disabled=True)
        else:
            _memory_button(n, host, models[name])
            _delete(n, host, models[name])


def _failed(n: int, host: str, deeds: dict[str, Deed]) -> None:
    for model, deed in deeds.items():
        if deed.error:
            told = _FAILED[deed.verb].format(model=model)
            kit.show_problem(f"{told} {deed.error}", deed.error.hint)
            st.button(
                _("Dismiss"), icon=":material/close:", key=f"mod_forget_{n}_{model}",
                type="tertiary", on_click=kit.deeds().dismiss, args=(host, model),
            )  # fmt: skip


def _memory_button(n: int, host: str, model: HostedModel) -> None:
    if model.loaded:
        st.button(
            _("Unload"), icon=":material/eject:", key=f"mod_unload_{n}",
            on_click=kit.deeds().start, args=("unload", host, model.name, WAIT_S),
            help=_("Takes it out of memory; the next question loads it again."),
        )  # fmt: skip
    else:
        st.button(
            _("Load"), icon=":material/memory:", key=f"mod_load_{n}",
            on_click=kit.deeds().start, args=("load", host, model.name, WAIT_S),
            help=_("Puts it into memory now, so that the first question need not wait for that."),
        )  # fmt: skip


def _delete(n: int, host: str, model: HostedModel) -> None:
    # A key for each model: an open question must not turn into one about the next model.
    with st.popover(_("Delete"), icon=":material/delete:", key=f"mod_ask_{n}_{model.name}"):
        asked = _("Delete **{model}** ({size}) from this server? It can be pulled again.")
        st.markdown(asked.format(model=kit.literal(model.name), size=size(model.size_bytes)))
        st.button(
            _("Delete it"), key=f"mod_delete_{n}_{model.name}", type="primary",
            on_click=kit.deeds().start, args=("delete", host, model.name, WAIT_S),
        )  # fmt: skip
