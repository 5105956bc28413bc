"""Downloads of models, as they go: for every visitor, and still there after a reload."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import streamlit as st

from lib.web import kit
from lib.web.classify_trial import duration
from lib.web.models_acts import act
from lib.web.models_words import size
from lib.web.texts import _
from lib.work.pull_run import Pull

LOOK_S = 1.0
TOLD_S = 6.0  # how long it is told that a model has come


def show(n: int, host: str, have: Collection[str]) -> None:
    """Those of the n-th Ollama, which has these models; looked at often only while that matters."""
    _put_away(host, have)
    pulls = _of(host)
    if pulls:
        moving = any(pull.state in ("pulling", "done") for pull in pulls)
        every = LOOK_S if moving else None
        st.fragment(_show, run_every=every)(n, host, states(pulls))


def _put_away(host: str, have: Collection[str]) -> None:
    """What has come is told for a while; then it is among the models, like all others."""
    for pull in _of(host):
        if pull.model in have and _is_old(pull):
            kit.pulls().dismiss(host, pull.model)


def _is_old(pull: Pull) -> bool:
    return (
        pull.state == "done"
        and pull.ended is not None
        and datetime.now(UTC) - pull.ended > timedelta(seconds=TOLD_S)
    )


def _of(host: str) -> list[Pull]:
    return [pull for pull in kit.pulls().all() if pull.host == host]


def states(pulls: list[Pull]) -> dict[str, object]:
    """When one of these changes, the server may have changed as well."""
    return {pull.model: (pull.state, pull.error is None, _is_old(pull)) for pull in pulls}


def _show(n: int, host: str, drawn: dict[str, object]) -> None:
    pulls = _of(host)
    if states(pulls) != drawn:  # the model may be here now: the whole page shows that
        kit.lookout().look_again(LOOK_S)
        st.rerun()
    for pull in pulls:
        _pull(n, pull)


def _pull(n: int, pull: Pull) -> None:
    """How far it is, or how it ended, and what can be done about it."""
    if pull.state == "pulling":
        name, desk = kit.literal(pull.model), kit.pulls()
        st.progress(_share(pull), text=f"**{name}** · {kit.literal(_progress(pull))}")
        _button(n, pull, _("Cancel"), "cancel", desk.cancel)
    else:
        _ended(n, pull)


def _ended(n: int, pull: Pull) -> None:
    desk, name = kit.pulls(), kit.literal(pull.model)
    if pull.error:
        told = _("{model} could not be pulled.").format(model=pull.model)
        kit.show_problem(f"{told} {pull.error}", pull.error.hint)
    elif pull.state == "done":
        st.success(_("**{model}** is here.").format(model=name), icon=":material/check_circle:")
    else:
        st.info(
            _("**{model}** was cancelled. Pulled again, it goes on where it was.").format(
                model=name
            )
        )
    with st.container(horizontal=True):
        if pull.state != "done":
            _button(n, pull, _("Pull again"), "replay", desk.start)
        _button(n, pull, _("Dismiss"), "close", desk.dismiss)


def _button(n: int, pull: Pull, label: str, icon: str, verb: Callable[[str, str], object]) -> None:
    st.button(
        label, icon=f":material/{icon}:", key=f"mod_{icon}_{n}_{pull.model}", type="tertiary",
        on_click=act, args=(pull.host, verb, pull.host, pull.model),
    )  # fmt: skip


def _share(pull: Pull) -> float:
    if not pull.total_bytes or pull.done_bytes is None:
        return 0.0
    return min(1.0, pull.done_bytes / pull.total_bytes)


def _progress(pull: Pull) -> str:
    """«3.2 GB of 8.1 GB · 45 MB/s · 2 min left»; where nothing is loaded, Ollama's own words."""
    if pull.error:
        return _("waiting to go on: {reason}").format(reason=pull.error)
    if not pull.total_bytes or pull.done_bytes == pull.total_bytes:
        return pull.step or _("asking")
    parts = [_("{done} of {all}").format(done=size(pull.done_bytes), all=size(pull.total_bytes))]
    if pull.bytes_per_s:
        parts.append(_("{rate}/s").format(rate=size(pull.bytes_per_s)))
    if pull.eta_s is not None:
        parts.append(_("{time} left").format(time=duration(pull.eta_s / 60)))
    return " · ".join(parts)
