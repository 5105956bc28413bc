"""How right a job is: accuracy, cost of a right row, labels, confusion, confidence."""

from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.evaluation import Evaluation
from lib.store.jobs import Job
from lib.web import job_charts, job_results, kit
from lib.web.texts import UNKNOWN, _, number, usd

NO_LABEL = _("no label")
MOST_CELL_ROWS = 200
PLAIN = {"displayModeBar": False}


def show(job: Job) -> None:
    """Only with a gold column; says how to get one otherwise."""
    if job.spec.gold_column is None:
        st.caption(
            _("How often is it right? Nobody knows yet: add a column with the right labels for "
              "some rows, and choose it in a new job.")
        )  # fmt: skip
        return
    found = kit.jobs().evaluation(job.id)
    if not found.rows:
        st.caption(_("No finished row has one of the labels in its gold column yet."))
        return
    _headline(found, job.rows_done == job.rows_total)
    matrix, labels = st.columns([3, 2], gap="medium")
    with matrix:
        _confusion(job, found)
    with labels:
        _per_label(found)
    _cell_rows(job, found)
    _confidence(job)


def _headline(found: Evaluation, complete: bool) -> None:
    """The prices count all rows, so they are known when all rows are done."""
    with st.container(horizontal=True):
        st.metric(
            _("Right"), percent(found.accuracy), border=True, height="stretch",
            help=_("Accuracy over {n} judged rows, with its 95 % interval.").format(
                n=number(found.rows)
            ),
            delta=_("{low} to {high}").format(
                low=percent(found.accuracy_low), high=percent(found.accuracy_high)
            ),
            delta_color="off", delta_arrow="off",
        )  # fmt: skip
        st.metric(
            _("Macro-F1"),
            number(found.macro_f1, 3),
            border=True,
            height="stretch",
            help=_("The mean of the labels' F1: rare labels count as much as frequent ones."),
        )
        st.metric(
            _("Per 1,000 rows"),
            exact(found.usd_per_1k_rows if complete else None),
            border=True,
            height="stretch",
        )
        st.metric(
            _("Per 1,000 right rows"),
            exact(found.usd_per_1k_correct if complete else None),
            border=True,
            height="stretch",
            help=_("What a right answer really costs: the number to compare models by."),
        )
    _baseline(found)


def _baseline(found: Evaluation) -> None:
    """What is worth beating."""
    most = max(found.per_label, key=lambda name: found.per_label[name].support)
    share = found.per_label[most].support / found.rows
    st.caption(
        kit.literal(
            _("{n} rows are judged. Always saying «{label}» would be right on {share}.").format(
                n=number(found.rows), label=most, share=percent(share)
            )
        )
    )


def _confusion(job: Job, found: Evaluation) -> None:
    st.markdown(_("**Which labels are mixed up** (click a number to see its rows)"))
    st.plotly_chart(
        job_charts.confusion(found, NO_LABEL, st.context.theme.type == "dark"),
        key=f"cls_confusion_{job.id}", config=PLAIN, on_select=_pick_cell, selection_mode="points",
        alt=_("Rows by right label and label given"),
    )  # fmt: skip


def _pick_cell() -> None:
    """A click on the matrix sets the two choices below it."""
    asked = st.query_params.get("job", "")
    points = st.session_state[f"cls_confusion_{asked}"]["selection"]["points"]
    if points:
        gold, given = points[0]["customdata"]
        st.session_state["cls_cell_gold"] = gold
        st.session_state["cls_cell_given"] = given or NO_LABEL


def _cell_rows(job: Job, found: Evaluation) -> None:
    """The rows of one cell; also without a mouse."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        gold = st.selectbox(
            _("Rows whose right label is"), found.labels, index=None, key="cls_cell_gold",
            placeholder=_("choose"), width=240,
        )  # fmt: skip
        given = st.selectbox(
            _("and whose given label is"), [*found.labels, NO_LABEL], index=None,
            key="cls_cell_given", placeholder=_("choose"), width=240,
        )  # fmt: skip
    if gold is None or given is None:
        return
    label = None if given == NO_LABEL else given
    rows = kit.jobs().rows(job.id, {"gold": gold, "label": label}, MOST_CELL_ROWS)
    job_results.show_rows(job, rows)
    if len(rows) == MOST_CELL_ROWS:
        st.caption(_("The first {n} of them.").format(n=MOST_CELL_ROWS))


def _per_label(found: Evaluation) -> None:
    st.markdown(_("**Label by label**"))
    rows = [
        {
            _("label"): name,
            _("found"): percent(score.recall),
            _("trusted"): percent(score.precision),
            "F1": number(score.f1, 2),
            _("rows"): score.support,
        }
        for name, score in found.per_label.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("Scores of each label"))
    st.caption(
        _("Found (recall): of the rows that have the label, how many got it. Trusted (precision): "
          "of the rows that got it, how many have it.")
    )  # fmt: skip


def _confidence(job: Job) -> None:
    found = kit.jobs().reliability(job.id)
    if not found.rows:
        return
    with st.expander(_("Can its confidence be trusted?"), icon=":material/speed:"):
        st.plotly_chart(
            job_charts.reliability(found), key="cls_reliability", config=PLAIN,
            alt=_("Share of right rows by confidence"),
        )  # fmt: skip
        st.caption(
            _("On average confidence and accuracy lie {gap} apart. Keep what is sure, and let a "
              "person look at the rest:").format(gap=percent(found.calibration_error))
        )  # fmt: skip
        rows = [
            {
                _("at least so sure"): f"{one.threshold:.1%}",
                _("rows kept"): percent(one.share),
                _("right among them"): percent(one.accuracy),
            }
            for one in found.thresholds
            if one.share and (one.share < 1 or not one.threshold)
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("What is left at each confidence"))


def exact(amount: Decimal | None) -> str:
    """Dollars with three digits below a dollar: models differ by less than a cent."""
    small = amount is not None and 0 < amount < 1
    return f"${Decimal(f'{amount:.3g}'):f}" if small else usd(amount)


def percent(share: float | None, digits: int = 1) -> str:
    return UNKNOWN if share is None else f"{share:.{digits}%}"


def scores(job: Job) -> dict[str, Any] | None:
    """Name, accuracy with interval, and $ per 1,000 right rows; None where one is unknown."""
    if job.spec.gold_column is None:
        return None
    found = kit.jobs().evaluation(job.id)
    if found.accuracy is None or found.usd_per_1k_correct is None:
        return None
    return {
        "accuracy": found.accuracy, "low": found.accuracy_low, "high": found.accuracy_high,
        "usd_per_1k_correct": found.usd_per_1k_correct,
    }  # fmt: skip
