"""Getting a model for an Ollama: those that fit its GPU, or any by its name."""

from collections.abc import Sequence

import streamlit as st

from lib.core.recommend import CONTEXT_TOKENS, Recommendation, recommended
from lib.core.station import HostReport
from lib.store import estimate_tables
from lib.store.gpu import MachineGpu
from lib.web import kit
from lib.web.estimate_controls import DEFAULT_GPU
from lib.web.models_acts import act
from lib.web.models_machine import memory_gb, names
from lib.web.texts import _, number
from lib.work.lanes import THIS_MACHINE, machine

SHOWN = 6
_DOWN = ":material/download:"


def show(n: int, host: str, report: HostReport, gpus: Sequence[MachineGpu]) -> None:
    """The n-th Ollama's choice; open while it has none."""
    have = {model.name for model in report.models}
    coming = {one.model for one in kit.pulls().all() if (one.host, one.state) == (host, "pulling")}
    with st.expander(
        _("Get a model"), icon=":material/download:", expanded=not have, key=f"mod_get_{n}"
    ):
        fitting = recommended(estimate_tables.local_models(), _memory_gb(n, host, gpus))
        rows = st.container()  # above the switch that makes it longer
        chosen = _chosen(n, fitting)
        with rows:
            for one in chosen:
                _proposal(n, host, one, one.tag in have, one.tag in coming)
        _by_name(n, host)


def _memory_gb(n: int, host: str, gpus: Sequence[MachineGpu]) -> float:
    """The memory of the host's GPUs: this machine's are known, another's must be told."""
    if gpus and machine(host) == THIS_MACHINE:
        st.caption(kit.literal(_("What fits {gpus} of this machine:").format(gpus=names(gpus))))
        return memory_gb(gpus)
    cards = estimate_tables.gpus()
    name = st.selectbox(
        _("What fits this GPU"), list(cards), list(cards).index(DEFAULT_GPU),
        key=f"mod_gpu_{n}", bind="query-params", width=320,
        format_func=lambda name: name if "GB" in name else f"{name} {cards[name].memory_gb:g}GB",
    )  # fmt: skip
    return cards[name].memory_gb


def _chosen(n: int, fitting: list[Recommendation]) -> list[Recommendation]:
    """The largest, and on request the smaller ones as well."""
    if not fitting:
        st.caption(_("None of the estimate's models fits; a smaller one has to be named."))
    smaller = len(fitting) - SHOWN
    if smaller > 0 and not st.toggle(
        _("Show {n} smaller ones").format(n=smaller), key=f"mod_smaller_{n}"
    ):
        return fitting[:SHOWN]
    return fitting


def _proposal(n: int, host: str, one: Recommendation, here: bool, coming: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if here:
            st.badge(_("here"), icon=":material/check:", color="green")
        else:
            st.button(
                _("pulling") if coming else _("Pull"), icon="spinner" if coming else _DOWN,
                key=f"mod_pull_{n}_{one.tag}", disabled=coming, on_click=act,
                args=(host, kit.pulls().start, host, one.tag),
            )  # fmt: skip
        st.markdown(f"**{kit.literal(one.tag)}**", width="content")
        st.caption(_facts(one), width="content")


def _facts(one: Recommendation) -> str:
    """«needs about 8.9 GB of GPU memory · 4 streams fit · reads text and pictures»."""
    memory = _("needs about {n} GB of GPU memory").format(n=number(one.memory_gb, 1))
    text = _("1 stream fits") if one.streams == 1 else _("{n} streams fit")
    reads = _("reads text and pictures") if one.vision else _("reads text")
    return " · ".join((memory, text.format(n=number(one.streams)), reads))


def _by_name(n: int, host: str) -> None:
    """Any model of Ollama's library or of Hugging Face."""
    key = f"mod_tag_{n}"
    with (
        st.form(f"mod_tag_form_{n}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(
            _("Any other model, by its name"), key=key, width=320, placeholder="gemma3:4b",
            max_chars=300, help=_("As in Ollama's library, or hf.co/NAME/REPOSITORY."),
        )  # fmt: skip
        st.form_submit_button(
            _("Pull it"), icon=":material/download:", on_click=_pull_named, args=(host, key)
        )
    st.caption(
        _("A stream is one conversation of {n} tokens at a time. Memory is for the model and one "
          "of them, by the estimate's sums.").format(n=number(CONTEXT_TOKENS))
    )  # fmt: skip


def _pull_named(host: str, key: str) -> None:
    act(host, kit.pulls().start, host, st.session_state[key])
