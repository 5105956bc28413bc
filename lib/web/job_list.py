"""Every job, newest first, and those that run now."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import streamlit as st

from lib.store.jobs import ACTIVE, Job
from lib.web import kit
from lib.web.texts import UNKNOWN, _, number, usd

SHOWN = 20
OTHER = "other"  # in the URL: the job that one is compared with
Colour = Literal["red", "orange", "blue", "green", "gray"]

STATES: dict[str, tuple[str, str, Colour]] = {
    "queued": (_("waiting"), ":material/schedule:", "blue"),
    "running": (_("running"), ":material/progress_activity:", "blue"),
    "paused": (_("paused"), ":material/pause_circle:", "orange"),
    "over_budget": (_("over budget"), ":material/account_balance_wallet:", "orange"),
    "done": (_("done"), ":material/check_circle:", "green"),
    "failed": (_("failed"), ":material/error:", "red"),
    "cancelled": (_("cancelled"), ":material/cancel:", "gray"),
}


def show_running(jobs: list[Job]) -> None:
    """What is under way, wherever it was started: one click away."""
    active = [job for job in jobs if job.state in ACTIVE][:3]
    for job in active:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            badge(job)
            open_button(job, "running")
            st.caption(progress(job), width="content")


def show_all(jobs: list[Job]) -> None:
    st.subheader(_("Jobs ({n})").format(n=number(len(jobs))))
    if not jobs:
        st.caption(
            _("A job labels every row of a file in the background: close the page and come back. "
              "Here you will find each with its cost, its results and how right they are.")
        )  # fmt: skip
        return
    older = len(jobs) - SHOWN
    if older > 0 and not st.toggle(_("Show {n} older jobs").format(n=older), key="cls_older"):
        jobs = jobs[:SHOWN]
    for job in jobs:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            badge(job)
            open_button(job, "list")
            st.caption(kit.literal(facts(job)))


def badge(job: Job) -> None:
    at_google = job.state == "running" and job.waiting and job.waiting.since
    name, icon, colour = STATES["queued" if at_google else job.state]
    st.badge(name, icon=icon, color=colour)


def back_button() -> None:
    st.button(
        _("All jobs"), icon=":material/arrow_back:", key="cls_back", type="tertiary",
        on_click=go_to, args=(None,),
    )  # fmt: skip


def open_button(job: Job, where: str) -> None:
    st.button(
        kit.literal(job.name[:60]), key=f"cls_{where}_{job.id}", type="tertiary",
        icon=":material/arrow_forward:", icon_position="right",
        on_click=go_to, args=(job.id,),
    )  # fmt: skip


def go_to(job: str | None) -> None:
    """Show this job, or with None what there is to begin."""
    for name in ("job", OTHER):
        st.query_params.pop(name, None)
    if job:
        st.query_params["job"] = job


def progress(job: Job) -> str:
    return _("{done} of {rows} rows").format(
        done=number(job.rows_done), rows=number(job.rows_total)
    )


def facts(job: Job) -> str:
    """«gemini/… · 400 of 400 rows · 2 failed · $0.0123 · 22 Nov 2026, 19:13»."""
    parts: list[Any] = [job.model, progress(job)]
    if job.rows_failed:
        parts.append(_("{n} failed").format(n=number(job.rows_failed)))
    cost = cost_usd(job)
    parts += [_cost_unknown() if cost is None else usd(cost), when(job.created)]
    return " · ".join(parts)


def is_uncollected(job: Job) -> bool:
    """Whether all that was sent still waits at the provider, so that nobody knows what it takes."""
    return bool(job.waiting and job.waiting.since and not job.usage.output_tokens)


def cost_usd(job: Job) -> Decimal | None:
    return None if is_uncollected(job) else job.cost_usd


def _cost_unknown() -> str:
    return _("cost {unknown}").format(unknown=UNKNOWN)


def when(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%d %b %Y, %H:%M} UTC"
