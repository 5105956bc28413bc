"""The GPUs of the machine this app runs on."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from lib.store.gpu import MachineGpu
from lib.web import kit
from lib.web.models_words import GIGA, size
from lib.web.texts import _


def show(gpus: Sequence[MachineGpu]) -> None:
    with st.container(border=True):
        st.subheader(_("This machine"))
        if not gpus:
            st.caption(
                _("No NVIDIA GPU is seen here, so this app does not know which one computes. "
                  "Models on other machines can be measured all the same: name their GPU under "
                  "«Speed».")
            )  # fmt: skip
        for gpu in gpus:
            _gpu(gpu)


def _gpu(gpu: MachineGpu) -> None:
    driver = _("driver {version}").format(version=gpu.driver) if gpu.driver else ""
    st.markdown(f"**{kit.literal(gpu.name)}** {kit.literal(driver)}")
    if gpu.used_bytes is None:
        st.caption(_("{all} of memory").format(all=size(gpu.memory_bytes)))
        return
    told = _("{used} of {all} of memory used by all programs")
    st.progress(
        min(1.0, gpu.used_bytes / gpu.memory_bytes),
        text=told.format(used=size(gpu.used_bytes), all=size(gpu.memory_bytes)),
    )


def names(gpus: Sequence[MachineGpu]) -> str:
    """«2 × NVIDIA GeForce RTX 4090, 25.8 GB each» for what a person calls one machine's GPUs."""
    counted = Counter((gpu.name, gpu.memory_bytes) for gpu in gpus)
    each = _("{n} × {name} ({memory} each)")
    one = _("{name} ({memory})")
    return ", ".join(
        (each if n > 1 else one).format(n=n, name=name, memory=size(memory))
        for (name, memory), n in counted.items()
    )


def memory_gb(gpus: Sequence[MachineGpu]) -> float:
    """Of all together, in GB of 10⁹ bytes: Ollama spreads a model over them."""
    return sum(gpu.memory_bytes for gpu in gpus) / GIGA
