"""Model and way of asking, some rows tried, what the whole job would cost, and its start."""

import json
from itertools import islice
from typing import Any

import streamlit as st

from lib.core import spec as specs
from lib.core.chat import ModelInfo
from lib.core.spec import MOST_CONCURRENCY, MOST_ROWS_PER_REQUEST, MOST_VOTES, Spec
from lib.web import chat_models, classify_draft, kit
from lib.web.classify_draft import Draft, seed
from lib.web.classify_file import Understood
from lib.web.classify_task import PER_LABEL, take_examples
from lib.web.classify_trial import card, show
from lib.web.texts import _
from lib.work import trial
from lib.work.manifest import prompt_of
from lib.work.trial import TRIED, Trial

_TRIAL = "cls_trial"
ENOUGH_EXAMPLES = 6


def ask(draft: Draft, found: Understood, task: dict[str, Any]) -> Spec | None:
    """The whole spec, or None while something is missing or wrong, which is said."""
    if draft.fields.get("model") and "cls_model" not in st.query_params:
        st.session_state.setdefault("cls_model", draft.fields["model"])
    model = chat_models.pick_model()
    if model is None:
        return None
    draft.fields["model"] = model
    info = kit.app().models.find(model).info
    if info.provider == "embedded":
        _expect_little(draft, found, task)
    options = _options(draft, found.pictures) | {"batch": _batch(draft, info)}
    if len(task["labels"]) < 2:
        st.info(
            _("Name at least two labels, or start from one of the usual tasks above."),
            icon=":material/label:",
        )
        return None
    given = {**task, **options, "model": model, "sheet": draft.fields.get("sheet")}
    with kit.friendly_errors():
        asked = specs.parse(given)
        specs.check_columns(asked, found.columns, found.pictures)
        _show_prompt(asked, found)
        return asked
    return None


def _expect_little(draft: Draft, found: Understood, task: dict[str, Any]) -> None:
    """What a model of 135 million weights can and cannot do, and the step that helps it most."""
    text = _(
        "The built-in model is small. With six or more examples it gets about 60 to 70 % of short "
        "sentiment texts right; without examples it does little better than guessing."
    )
    few = len(task["examples"]) < ENOUGH_EXAMPLES
    st.info(text + (" " + _("Add some above.") if few else ""), icon=":material/lightbulb:")
    if few and task.get("gold_column") and task["labels"]:
        names = [label["name"] for label in task["labels"]]
        st.button(
            _("Take {n} examples per label from my rows").format(n=PER_LABEL),
            key="cls_help_examples", icon=":material/auto_awesome:", on_click=take_examples,
            args=(draft, found, names, task),
        )  # fmt: skip


def _options(draft: Draft, pictures: bool) -> dict[str, Any]:
    """How rows are asked; what is empty is left to the model's provider."""
    with st.expander(_("How to ask"), icon=":material/tune:", key="cls_options_open"):
        left, right = st.columns(2)
        pack = left.number_input(
            _("Rows in one request"), 1, MOST_ROWS_PER_REQUEST, key=seed(draft, "pack", 1),
            disabled=pictures,
            help=_("More rows share the instruction, which is cheaper, and may be less exact."),
        )  # fmt: skip
        votes = right.number_input(
            _("Votes"), 1, MOST_VOTES, key=seed(draft, "votes", 1),
            help=_("Ask every row so often and take the majority; costs as many times as much. "
                   "How far the votes agree is the confidence."),
        )  # fmt: skip
        at_once = left.number_input(
            _("Calls at once"), 1, MOST_CONCURRENCY, value=None, key=seed(draft, "at_once"),
            placeholder=_("what suits the provider"),
            help=_("It slows down by itself when the provider asks for fewer."),
        )  # fmt: skip
        budget = right.number_input(
            _("Budget, $"), 0.0, 1e6, value=None, key=seed(draft, "budget"), format="%.4g",
            step=0.1, placeholder=_("no bound"),
            help=_("The job stops before it would spend more; you can raise it then."),
        )  # fmt: skip
        again = st.checkbox(
            _("Use answers of earlier jobs where the question is the same"),
            key=seed(draft, "reuse", True),
        )
    draft.fields |= {
        "pack": pack, "votes": votes, "at_once": at_once, "budget": budget, "reuse": again,
    }  # fmt: skip
    return {
        "rows_per_request": 1 if pictures else int(pack), "votes": int(votes),
        "concurrency": None if at_once is None else int(at_once),
        "budget_usd": budget or None, "reuse": again,
    }  # fmt: skip


def _batch(draft: Draft, info: ModelInfo) -> bool:
    """The Batch API's switch, where there is one."""
    if info.provider != "gemini" or kit.app().gemini_batch is None:
        return False
    draft.fields["batch"] = st.toggle(
        _("Batch: half the price, up to 24 hours"), key=seed(draft, "batch", False),
        help=_("Google answers all rows together when it has room, mostly within hours. What has "
               "no usable answer then is asked again singly, at the standard price."),
    )  # fmt: skip
    return bool(draft.fields["batch"])


def _show_prompt(asked: Spec, found: Understood) -> None:
    with st.expander(_("The prompt, exactly as sent"), icon=":material/article:"):
        info = kit.app().models.find(asked.model).info
        column = "file" if found.pictures else asked.text_column or ""
        rows = islice(found.table.texts(column), asked.rows_per_request)
        texts = [text or "" for (text,) in rows]
        st.code(prompt_of(asked, info, texts, found.pictures), language=None, wrap_lines=True)
        st.caption(_("For the first row; with several rows in one request, for the first ones."))


def try_and_run(draft: Draft, found: Understood, asked: Spec) -> None:
    """«Try 20 rows», what came of it, and «Run as a job»."""
    most = min(TRIED, found.rows)
    with st.container(horizontal=True):
        tried = st.button(
            _("Try {n} rows").format(n=most), key="cls_try", icon=":material/science:",
            type="secondary" if _trial_of(draft, asked) else "primary",
        )  # fmt: skip
    if tried:
        with kit.friendly_errors(), st.spinner(_("Asking {n} rows").format(n=most)):
            made = trial.try_rows(kit.app(), found.table, asked, most)
            st.session_state[_TRIAL] = (_fingerprint(draft, asked), made)
            st.rerun()
    made_before = st.session_state.get(_TRIAL)
    if made_before and not _trial_of(draft, asked):
        st.info(
            _("The task has changed since the last trial; try again to see what it does now."),
            icon=":material/update:",
        )
    if shown := _trial_of(draft, asked):
        show(shown, asked, found)
        card(trial.estimate(kit.app(), shown, asked, found.rows), asked)
    _run(draft, found, asked, bool(shown))


def _fingerprint(draft: Draft, asked: Spec) -> str:
    """Equal for equal questions; neither a budget nor a batch changes an answer."""
    kept = {**asked.as_json(), "budget_usd": None, "batch": False}
    return json.dumps([draft.upload, kept], sort_keys=True)


def _trial_of(draft: Draft, asked: Spec) -> Trial | None:
    made = st.session_state.get(_TRIAL)
    return made[1] if made and made[0] == _fingerprint(draft, asked) else None


def _run(draft: Draft, found: Understood, asked: Spec, tried: bool) -> None:
    if not st.button(
        _("Run as a job"), key="cls_run", icon=":material/play_arrow:",
        type="primary" if tried else "secondary",
        help=None if tried else _("Trying some rows first shows what it would cost."),
    ):  # fmt: skip
        return
    with kit.friendly_errors(), st.spinner(_("Preparing {n} rows").format(n=found.rows)):
        job = kit.jobs().create_once(draft.upload, draft.file, asked)
        classify_draft.drop(with_file=False)
        st.query_params["job"] = job.id
        st.rerun()
