"""A job beside another one over the same rows: where they agree, and which is worth its money."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.comparison import Comparison
from lib.store.jobs import Job
from lib.web import job_charts, job_list, job_quality, kit
from lib.web.job_charts import Priced
from lib.web.job_quality import percent
from lib.web.job_results import beside
from lib.web.tables import harmless
from lib.web.texts import UNKNOWN, _, number
from lib.work.jobs import JudgedRow

MOST = 2000  # rows looked through for disagreements
SHOWN = 200
MOST_PRICED = 12  # jobs in one chart


def show(job: Job) -> None:
    alike = list(_alike(job))
    if not alike:
        st.caption(
            _("No other job has these rows yet. «Same rows again» starts one with another model, "
              "and both can be compared here.")
        )  # fmt: skip
        return
    other = _pick({one.id: one for one in alike})
    if other is None:
        return
    _verdict(kit.jobs().compare(job.id, other.id), job, other)
    _worth([job, *alike])
    _disagreements(job, other)


def _pick(others: dict[str, Job]) -> Job | None:
    """The job to compare with; the URL holds its id."""
    if (asked := st.query_params.get(job_list.OTHER)) in others:
        st.session_state.setdefault("cls_with", asked)
    chosen = st.selectbox(
        _("Compare with"), list(others), index=None, key="cls_with",
        placeholder=_("another job over the same rows"),
        format_func=lambda one: _named(others[one]),
    )  # fmt: skip
    if chosen is None:
        return None
    st.query_params[job_list.OTHER] = chosen
    return others[chosen]


def _alike(job: Job) -> Iterator[Job]:
    """Other jobs over as many rows with the same columns."""
    for other in kit.app().jobs.all():
        same = other.rows_total == job.rows_total and _shape(other) == _shape(job)
        if same and other.id != job.id:
            yield other


def _shape(job: Job) -> tuple[Any, Any]:
    return job.manifest.get("file", {}).get("columns"), job.spec.text_column


def _named(job: Job) -> str:
    return f"{job.model} · {job_list.STATES[job.state][0]} · {job_list.when(job.created)}"


def _verdict(found: Comparison, job: Job, other: Job) -> None:
    with st.container(horizontal=True):
        st.metric(
            _("Same label"),
            percent(found.agreement),
            border=True,
            height="stretch",
            help=_("Of {n} rows that both labelled.").format(n=number(found.rows_labelled)),
        )
        st.metric(
            _("Kappa"),
            number(found.kappa, 2),
            border=True,
            height="stretch",
            help=_("Agreement beyond chance: 0 is chance, 1 is always."),
        )
        st.metric(_("A is right"), percent(found.accuracy_a), border=True, height="stretch")
        st.metric(_("B is right"), percent(found.accuracy_b), border=True, height="stretch")
    st.markdown(f"**{kit.literal(found.verdict)}**")
    told = _("A is this job ({a}), B the other ({b}).").format(a=job.model, b=other.model)
    if found.rows_gold:
        told += " " + _("Only A is right on {a} rows, only B on {b} (McNemar's test).").format(
            a=number(found.only_a_right), b=number(found.only_b_right)
        )
    st.caption(kit.literal(told))


def _worth(jobs: list[Job]) -> None:
    """Every model that has done these rows, by its newest job with known accuracy and cost."""
    newest: dict[str, Priced] = {}
    for job in jobs:
        if job.state == "done" and job.model not in newest and (score := job_quality.scores(job)):
            newest[job.model] = Priced(name=job.model, **score)
    points = list(newest.values())[:MOST_PRICED]
    if len(points) < 2:
        st.caption(_("Right rows against their cost: shown when two models have both."))
        return
    st.plotly_chart(
        job_charts.worth(points), key="cls_worth", config=job_quality.PLAIN,
        alt=_("Accuracy against dollars per 1,000 right rows"),
    )  # fmt: skip
    st.caption(
        _("Up and left is better. Answers taken from earlier jobs cost nothing, so a job with many "
          "of them looks cheaper than its model is.")
    )  # fmt: skip


def _disagreements(job: Job, other: Job) -> None:
    rows = differing(job, other)
    st.markdown(_("**Rows they label differently** ({n})").format(n=number(len(rows))))
    if rows:
        st.dataframe(
            harmless(pd.DataFrame(rows[:SHOWN])),
            hide_index=True,
            alt=_("Rows with different labels"),
        )
    if job.rows_total > MOST or len(rows) > SHOWN:
        st.caption(
            _("Among the first {n} rows; at most {shown} are shown.").format(
                n=number(MOST), shown=SHOWN
            )
        )


def differing(job: Job, other: Job) -> list[dict[str, Any]]:
    """Rows both finished with different labels: the file's text and gold, A's and B's label."""
    mine, theirs = _by_number(job), _by_number(other)
    columns = [c for c in (job.spec.text_column or "file", job.spec.gold_column) if c]
    return [
        {
            _("row"): n,
            **{beside(column, _OURS): row.cells[column] for column in columns},
            _("A"): row.result.label or UNKNOWN,
            _("B"): theirs[n].result.label or UNKNOWN,
        }
        for n, row in mine.items()
        if n in theirs and row.result.label != theirs[n].result.label
    ]


_OURS = {_("row"), _("A"), _("B")}


def _by_number(job: Job) -> dict[int, JudgedRow]:
    return {row.number: row for row in kit.jobs().rows(job.id, {}, MOST)}
