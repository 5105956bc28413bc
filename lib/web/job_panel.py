"""One job as it runs: state, progress, money, and the buttons that steer it."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.calibration import ENOUGH_ROWS
from lib.core.errors import AppError
from lib.store.jobs import ACTIVE, Job
from lib.web import classify_draft, job_list, kit
from lib.web.classify_trial import duration
from lib.web.texts import _, number, usd

LEAST_SHOWN = 0.05  # rows a second, with one decimal
LOOK_S, LOOK_SELDOM_S = 1.0, 5.0  # a job that stands still may be started by somebody else
_REFUSED = "cls_refused"


def find() -> Job | None:
    """The job the URL names; a link to one that is gone says so."""
    asked = st.query_params.get("job")
    if not asked:
        return None
    try:
        return kit.app().jobs.get(asked)
    except AppError as error:
        kit.show_problem(str(error), _("It may have been deleted; all others are below."))
        return None


def show(job: Job) -> None:
    """The live part; when the job starts, stops or ends, the whole page is drawn anew."""
    every = LOOK_S if job.state in ACTIVE else LOOK_SELDOM_S
    if job.state == "cancelled":
        st.fragment(_panel)(job)
    else:
        st.fragment(_panel, run_every=every)(job)


def _panel(seen: Job) -> None:
    if st.query_params.get("job") != seen.id:  # a button here led elsewhere
        st.rerun()
    try:
        job = kit.app().jobs.get(seen.id)
    except AppError:  # deleted by somebody else
        st.rerun()
    if job.state != seen.state and (job.state not in ACTIVE or seen.state not in ACTIVE):
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        job_list.badge(job)
        st.caption(kit.literal(f"{job.model} · {job_list.when(job.created)}"))
    if job.rows_total:
        st.progress(min(1.0, job.rows_done / job.rows_total), text=job_list.progress(job))
    if not job.rows_done and job.calls and job.model.startswith("embedded/"):
        st.caption(
            _("The built-in model's first {n} answers are weighed together, then they all appear.")
            .format(n=ENOUGH_ROWS)
        )  # fmt: skip
    _waiting(job)
    _figures(job)
    if refused := st.session_state.pop(_REFUSED, None):
        kit.show_error(refused)
    if job.error:
        kit.show_problem(job.error["message"], _step(job), job.error.get("retry_after_s"))
    _buttons(job)


def _waiting(job: Job) -> None:
    """Rows at Google, which nobody can hurry; a cancelled job's are called off."""
    waiting = job.waiting
    if waiting and waiting.since and job.state != "cancelled":
        rows = _("1 row waits") if waiting.rows == 1 else _("{n} rows wait")
        text = _("{rows} at Google since {when}; it may take up to 24 hours.")
        rows = rows.format(n=number(waiting.rows))
        st.caption(text.format(rows=rows, when=job_list.when(waiting.since)))


def _step(job: Job) -> str:
    """What to do about the error, in the words of this page."""
    if job.state == "over_budget" and job.budget_usd is not None:
        return _("Raise the budget below to go on, or keep the rows there are.")
    return _("{hint} Then press «Resume»: rows that are done stay.").format(hint=job.error["hint"])  # type: ignore[index]


def _figures(job: Job) -> None:
    with st.container(horizontal=True):
        if not job.finished or (job.rows_per_s or 0) >= LEAST_SHOWN:  # else few had to be asked
            st.metric(_("Rows a second"), number(job.rows_per_s, 1), border=True, height="stretch")
        st.metric(*_time(job), border=True, height="stretch")
        st.metric(
            _("Spent"), usd(job_list.cost_usd(job)), border=True, height="stretch",
            help=_spent_help(job),
            delta=None if job.budget_usd is None else _("of {usd}").format(usd=usd(job.budget_usd)),
            delta_color="off", delta_arrow="off",
        )  # fmt: skip
        st.metric(_("Failed rows"), number(job.rows_failed), border=True, height="stretch")
        st.metric(_("Calls"), number(job.calls), border=True, height="stretch")


def _time(job: Job) -> tuple[str, str]:
    """What is to go, or from start to end, pauses included."""
    if job.finished:
        seconds = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.created)
        return _("Took"), duration(seconds.total_seconds() / 60)
    return _("Time left"), duration(None if job.eta_s is None else job.eta_s / 60)


def _spent_help(job: Job) -> str | None:
    """What the sum leaves out: calls that were sent and never told what they took."""
    if job_list.is_uncollected(job):
        return _("Told when the first answers are collected.")
    if job.cost_usd is None:
        return _("A call's price or token count is unknown, so the sum is too.")
    if job.state in ACTIVE or not job.reserved_usd:
        return None
    text = _("Up to {usd} more for calls that were cut off and never said what they took.")
    return text.format(usd=usd(job.reserved_usd))


def _buttons(job: Job) -> None:
    desk, state = kit.jobs(), job.state
    with st.container(horizontal=True):
        if state in ACTIVE:
            _button(_("Pause"), "pause", desk.pause, job)
        if state in ("paused", "failed") or (state == "over_budget" and job.budget_usd is None):
            _button(_("Resume"), "resume", desk.resume, job, kind="primary")
        if state in ("paused", "over_budget", "failed"):
            _budget(job)
        if state == "done" and job.rows_failed:
            _button(_("Retry failed rows"), "replay", desk.retry, job)
        if state not in ("done", "cancelled"):
            _cancel(job)
        st.button(
            _("Same rows again"), icon=":material/content_copy:", key="cls_again",
            on_click=_again, args=(job,),
            help=_("A new job with this file and task, to try another model or other labels."),
        )  # fmt: skip
        _delete(job)


def _button(
    label: str, icon: str, verb: Callable[..., Any], job: Job, kind: Any = "secondary"
) -> None:
    st.button(
        label, icon=f":material/{icon}:", key=f"cls_{icon}", on_click=_do, args=(verb, job.id),
        type=kind,
    )  # fmt: skip


def _do(verb: Callable[..., Any], *args: Any) -> None:
    """A verb whose refusal is shown where its button was."""
    try:
        verb(*args)
    except AppError as error:
        st.session_state[_REFUSED] = error


def _budget(job: Job) -> None:
    kind: Any = "primary" if job.state == "over_budget" else "secondary"
    with st.popover(
        _("Raise the budget"), icon=":material/account_balance_wallet:", type=kind,
        key="cls_ask_raise",
    ):  # fmt: skip
        st.caption(
            _("Spent so far: {usd}. The budget is for the whole job.").format(
                usd=kit.literal(usd(job.spent_usd))
            )
        )
        proposed = float(2 * (job.budget_usd or job.spent_usd or Decimal("0.5")))
        budget = st.number_input(
            _("New budget, $"), 0.0, 1e6, value=proposed, format="%.4g", key="cls_new_budget"
        )
        st.button(
            _("Go on with it"), key="cls_raise", type="primary", disabled=not budget,
            on_click=_do, args=(kit.jobs().resume, job.id, Decimal(str(budget))),
        )  # fmt: skip


def _cancel(job: Job) -> None:
    # A key for each question: where one is answered and gone, the next must not open in its place.
    with st.popover(_("Cancel"), icon=":material/cancel:", key="cls_ask_cancel"):
        st.markdown(_("End this job for good? Its finished rows stay; «Pause» can be taken back."))
        _button(_("End it"), "cancel", kit.jobs().cancel, job, kind="primary")


def _delete(job: Job) -> None:
    with st.popover(_("Delete"), icon=":material/delete:", key="cls_ask_delete"):
        st.markdown(_("Delete this job with its file and its results? What it cost stays counted."))
        st.button(
            _("Delete it"), key="cls_delete", type="primary", on_click=_delete_now, args=(job.id,)
        )


def _delete_now(job: str) -> None:
    _do(kit.jobs().delete, job)
    if _REFUSED not in st.session_state:
        job_list.go_to(None)


def _again(job: Job) -> None:
    """A draft with this job's task and a copy of its file."""
    uploads, asked = kit.app().uploads, job.spec
    try:
        with uploads.path(job.upload).open("rb") as file:
            upload = uploads.save(file)
    except AppError as error:
        st.session_state[_REFUSED] = error
        return
    fields = {
        "text": asked.text_column, "gold": asked.gold_column or _("none"), "sheet": asked.sheet,
        "instruction": asked.task.instruction, "pack": asked.rows_per_request,
        "votes": asked.votes, "at_once": asked.concurrency, "reuse": asked.reuse,
        "batch": asked.batch,
    }  # fmt: skip
    labels = [(label.name, label.description) for label in asked.task.labels]
    examples = [(example.text, example.label) for example in asked.task.examples]
    job_list.go_to(None)
    classify_draft.begin(upload, job.name, labels=labels, examples=examples, fields=fields)
