"""What to measure: model, streams, GPU, tokens; what that takes; and the button."""

from collections.abc import Sequence

import streamlit as st

from lib.core.chat import ModelInfo
from lib.core.errors import AppError
from lib.core.speed import (
    BATCHING_STREAMS,
    FEWEST_ROUNDS,
    INPUT_TOKENS,
    MOST_ROUNDS,
    MOST_STREAMS,
    OUTPUT_TOKENS,
    SpeedPlan,
    usual_plan,
)
from lib.store import estimate_tables
from lib.web import budget_note, kit
from lib.web.speed_words import SHOWN
from lib.web.texts import _, number, usd
from lib.work import speed_facts, speed_hosts
from lib.work.ask import price_of

CHOICES = (*BATCHING_STREAMS, MOST_STREAMS)


def ask(models: Sequence[str], running: bool) -> None:
    """The form; without a model how to get one. `running`: a test goes on already."""
    on = {one.id: one for one in kit.app().models.local_first() if one.id in models}
    if not on:
        st.caption(_("There is no model to measure yet: get one for an Ollama."))
        return
    left, right = st.columns(2)
    model = str(left.selectbox(_("Model"), list(on), key="speed_model", bind="query-params"))
    info = on[model]
    with left:
        host = _host(info)
    with right:
        gpu = None if info.provider == "gemini" else _gpu(info, host)
    plan = _plan(info)
    if not plan.streams:
        st.caption(_("Choose how many streams."))
        return
    st.caption(kit.literal(_takes(info, plan)))
    if info.provider == "gemini":
        budget_note.show()
    if st.button(
        _("Measure"), icon=":material/speed:", type="primary", key="speed_start", disabled=running,
        help=_("A test is running: wait until it has ended, or stop it.") if running else None,
    ):  # fmt: skip
        _start(model, plan, gpu, host)


def _plan(info: ModelInfo) -> SpeedPlan:
    usual = usual_plan(info.provider)
    streams = st.pills(
        _("Streams at once"), CHOICES, selection_mode="multi", default=usual.streams,
        key=f"speed_streams_{info.provider}", bind="query-params",
        help=_("Each number is measured by itself: so many calls are sent at the same moment."),
    )  # fmt: skip
    with st.expander(_("More")):
        left, right = st.columns(2)
        read = left.number_input(
            _("Tokens in, each prompt"), *INPUT_TOKENS, usual.input_tokens,
            key=f"speed_in_{info.provider}",
            bind="query-params",
        )  # fmt: skip
        written = right.number_input(
            _("Tokens out, each answer"), *OUTPUT_TOKENS, usual.output_tokens,
            key=f"speed_out_{info.provider}",
            bind="query-params",
        )  # fmt: skip
    return SpeedPlan(tuple(streams), int(read), int(written))


def _host(info: ModelInfo) -> str | None:
    """The address of the server to measure; asked for only where several have the model."""
    having = speed_hosts.addresses(kit.app(), info)
    if len(having) < 2:
        return next(iter(having), None)
    return st.selectbox(
        _("Server"), having, key=f"speed_host_{info.id}",
        help=_("One is measured: all together they would have the speed of several GPUs."),
    )  # fmt: skip


def _gpu(info: ModelInfo, host: str | None) -> str | None:
    """The name the figures are kept under; None is what nvidia-smi says, if it says something."""
    look = kit.lookout().last
    seen = look and speed_facts.gpu_of(kit.app(), info, host, look.gpus)
    return st.selectbox(
        _("GPU"), list(estimate_tables.gpus()), index=None, key="speed_gpu",
        bind="query-params",
        placeholder=_("{gpu} (nvidia-smi)").format(gpu=seen) if seen else _("not known"),
        accept_new_options=True,
        help=_("Kept with the figures. Name it where the model runs on another machine; the "
               "estimate knows those of the list."),
    )  # fmt: skip


def _takes(info: ModelInfo, plan: SpeedPlan) -> str:
    """«Takes 54 to 99 calls, warm-up included.» and for an API at most how much money."""
    warm_up = 1 + max(plan.streams)
    few, many = (warm_up + rounds * sum(plan.streams) for rounds in (FEWEST_ROUNDS, MOST_ROUNDS))
    told = _("Takes {few} to {many} calls, warm-up included.").format(
        few=number(few), many=number(many)
    )
    price = price_of(kit.app(), info)
    if price is None:
        return told
    each = (
        plan.input_tokens * price.input_usd_per_mtok
        + plan.output_tokens * price.output_usd_per_mtok
    ) / 10**6
    return f"{told} " + _("That costs at most about {usd}.").format(usd=usd(many * each))


def _start(model: str, plan: SpeedPlan, gpu: str | None, host: str | None) -> None:
    try:
        test = kit.speed().start(model, plan, gpu, host)
    except AppError as error:
        kit.show_error(error)
        return
    st.query_params[SHOWN] = test.id
    st.rerun()
