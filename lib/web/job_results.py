"""The rows of a job, filtered, and its files."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lib.store.jobs import Job
from lib.store.result_files import FORMATS, result_names
from lib.web import kit
from lib.web.jobs_api import KINDS
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd

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
    return table.drop(columns=silent).fillna({_("problem"): ""})


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
    path = kit.jobs().results(job, form)
    try:
        return path.read_bytes()
    finally:
        path.unlink()


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
        rows = least_sure(job, rows)
        if not rows:
            st.caption(_("Nobody said how sure these labels are: this model gives no confidence; "
                         "several votes would."))  # fmt: skip
            return
    show_rows(job, rows)
    if len(rows) >= MOST:
        st.caption(_("The first {n} rows; the files have all of them.").format(n=number(MOST)))


def least_sure(job: Job, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sure = names_of(job)["confidence"]
    return sorted((row for row in rows if row[sure] is not None), key=lambda row: row[sure])


def show_rows(job: Job, rows: list[dict[str, Any]]) -> None:
    """What the row got first, then what the file says of it."""
    if not rows:
        st.caption(_("No such rows."))
        return
    names = names_of(job)
    st.dataframe(
        tidy([_shown(row, names, job) for row in rows]), hide_index=True,
        alt=_("Rows with their labels"),
        column_config={_("sure"): st.column_config.NumberColumn(format="%.0f %%")},
    )  # fmt: skip


def _shown(row: Mapping[str, Any], names: Mapping[str, str], job: Job) -> dict[str, Any]:
    of = {name: row.get(given) for name, given in names.items()}
    sure = of["confidence"]
    own = {name: value for name, value in row.items() if name not in {"row", *names.values()}}
    first = [name for name in (job.spec.text_column, job.spec.gold_column) if name in own]
    return {
        _("row"): row["row"],
        _("label given"): of["label"] or UNKNOWN,
        **{name: own[name] for name in [*first, *own]},
        _("sure"): None if sure is None else 100 * sure,
        _("problem"): None if of["error"] is None else problem(of["error"]),
        _("time"): milliseconds(of["latency_ms"]),
        "$": usd(of["cost_usd"]),
    }


def names_of(job: Job) -> dict[str, str]:
    """Each result column's name beside the file's own columns."""
    columns = job.manifest.get("file", {}).get("columns", [])
    plain = result_names(())
    return dict(zip(plain, result_names(columns), strict=True))
