"""Label a file's rows with any model: try some, see the price, run all, see how right it is."""

import streamlit as st

from lib.store.jobs import Job
from lib.web import (
    budget_note,
    classify_draft,
    classify_file,
    classify_task,
    classify_try,
    job_compare,
    job_list,
    job_panel,
    job_quality,
    job_results,
    kit,
)
from lib.web.classify_draft import Draft
from lib.web.texts import _

PARTS = (job_quality.show, job_results.show, job_compare.show)


def show_job(job: Job) -> None:
    st.title(kit.literal(job.name))
    job_panel.show(job)
    names = [_("How right it is"), _("Rows"), _("Compare")]
    first = names[0 if job.spec.gold_column else 1]
    tabs = st.tabs(names, default=first, key="cls_tab", bind="query-params")
    for tab, part in zip(tabs, PARTS, strict=True):
        if tab.open:
            with tab, kit.friendly_errors():
                part(job)


def new_job(draft: Draft) -> None:
    with kit.friendly_errors():
        found = classify_file.show(draft)
        st.subheader(_("2. What to find"))
        task = classify_task.ask(draft, found)
        st.subheader(_("3. Who does it"))
        if asked := classify_try.ask(draft, found, task):
            classify_try.try_and_run(draft, found, asked)
        classify_draft.save(draft)


if job := job_panel.find():
    job_list.back_button()
    show_job(job)
else:
    st.title(_("Classify"))
    jobs, draft = kit.app().jobs.all(), classify_draft.current()
    if not draft:
        st.caption(classify_file.WHAT_FOR)
    budget_note.show()
    job_list.show_running(jobs)
    st.subheader(_("1. Your rows"))
    if draft:
        new_job(draft)
    else:
        classify_file.ask()
    job_list.show_all(jobs)
