"""The rows of a job, filtered, and its files."""

import json
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.store.jobs import Job
from lib.store.result_files import FORMATS
from lib.web import kit
from lib.web.jobs_api import KINDS
from lib.web.tables import harmless
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd
from lib.work.jobs import JudgedRow

MOST = 1000  # rows in a table of the page; files have all of them
_PROBLEMS = {
    "bad_input": _("nothing to label in it"),
    "bad_reply": _("the answer was no label"),
    "refused": _("blocked by the safety filter"),
    "timed_out": _("took too long"),
    "unreachable": _("the model's server failed"),
    "rate_limited": _("too many requests"),
    "too_large": _("too large"),
    "unsupported": _("the model cannot read it"),
}
_ICONS = {"csv": "csv", "xlsx": "table", "jsonl": "data_object", "parquet": "database"}


def problem(code: str) -> str:
    """A row's error in words."""
    return _PROBLEMS.get(code, code.replace("_", " "))


def tidy(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table without columns of ours in which nothing is said."""
    table = pd.DataFrame(rows)
    ours = [_("sure"), _("problem"), _("right")]
    silent = [name for name in ours if name in table and table[name].isna().all()]
    return harmless(table.drop(columns=silent).fillna({_("problem"): ""}))


def show(job: Job) -> None:
    """The files, then the rows themselves."""
    files(job)
    table(job)


def files(job: Job) -> None:
    """Every format, made when it is asked for, and the manifest."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("Download:"), width="content")
        for form in FORMATS:
            st.download_button(
                form.upper() if form != "parquet" else "Parquet", partial(as_file, job.id, form),
                f"results.{form}", KINDS[form], icon=f":material/{_ICONS[form]}:",
                on_click="ignore", key=f"cls_get_{form}",
            )  # fmt: skip
        st.download_button(
            _("Manifest"), partial(as_manifest, job.id), "manifest.json", "application/json",
            icon=":material/receipt_long:", on_click="ignore", key="cls_get_manifest",
            help=_("What the results were made with: model, prompt, labels, versions, prices."),
        )  # fmt: skip


def as_file(job: str, form: str) -> bytes:
    with kit.jobs().results(job, form) as file:
        return file.read()


def as_manifest(job: str) -> bytes:
    return json.dumps(kit.jobs().manifest(job), indent=2, ensure_ascii=False).encode()


def table(job: Job) -> None:
    """Rows with their labels; by label, failed ones, or the least sure ones first."""
    every, failed, unsure = _("all rows"), _("failed rows"), _("least sure first")
    labels = {_("label: {name}").format(name=name): name for name in job.spec.task.names}
    chosen = st.selectbox(
        _("Show"), [every, unsure, failed, *labels], key="cls_show", width=320
    )  # fmt: skip
    where: dict[str, str | None] = {}
    if chosen == failed:
        where = {"label": None}
    elif chosen in labels:
        where = {"label": labels[chosen]}
    rows = kit.jobs().rows(job.id, where, MOST)
    if chosen == unsure:
        rows = least_sure(rows)
        if not rows:
            st.caption(_("Nobody said how sure these labels are: this model gives no confidence; "
                         "several votes would."))  # fmt: skip
            return
    show_rows(job, rows)
    if len(rows) >= MOST:
        st.caption(_("The first {n} rows; the files have all of them.").format(n=number(MOST)))


def least_sure(rows: list[JudgedRow]) -> list[JudgedRow]:
    known = [row for row in rows if row.result.confidence is not None]
    return sorted(known, key=lambda row: row.result.confidence or 0.0)


def show_rows(job: Job, rows: list[JudgedRow]) -> None:
    """What the row got first, then what the file says of it."""
    if not rows:
        st.caption(_("No such rows."))
        return
    st.dataframe(
        tidy([_shown(row, job) for row in rows]), hide_index=True,
        alt=_("Rows with their labels"),
        column_config={_("sure"): st.column_config.NumberColumn(format="%.0f %%")},
    )  # fmt: skip


def _shown(row: JudgedRow, job: Job) -> dict[str, Any]:
    """Our columns, then the file's; one of the file's that is called like ours gets a mark."""
    got = row.result
    ours: dict[str, Any] = {_("row"): row.number, _("label given"): got.label or UNKNOWN}
    after: dict[str, Any] = {
        _("sure"): None if got.confidence is None else 100 * got.confidence,
        _("problem"): None if got.error is None else problem(got.error),
        _("time"): milliseconds(got.latency_ms),
        "$": usd(got.cost_usd),
    }
    first = [name for name in (job.spec.text_column, job.spec.gold_column) if name in row.cells]
    theirs = {name: row.cells[name] for name in [*first, *row.cells] if name is not None}
    marked = {beside(name, {*ours, *after}): value for name, value in theirs.items()}
    return {**ours, **marked, **after}


def beside(name: str, ours: set[str]) -> str:
    """A file's column beside ours: marked, when it is called like one of them."""
    return _("{name} (file)").format(name=name) if name in ours else name
