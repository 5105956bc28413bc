"""The task of a new job: columns, labels, instruction, examples."""

from collections import Counter
from itertools import islice
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.evaluation import label_finder
from lib.core.spec import MOST_LABELS
from lib.web import classify_draft, classify_file, kit
from lib.web.classify_draft import Draft, Pairs, seed
from lib.web.classify_file import Understood
from lib.web.classify_presets import NONE_OF_THESE, PRESETS
from lib.web.texts import _, number

PER_LABEL = 2
LONGEST_EXAMPLE = 400  # characters; each is sent with every row
USUAL_LABELS = 50  # more different texts are hardly labels
_NO_COLUMN = _("none")


def ask(draft: Draft, found: Understood) -> dict[str, Any]:
    """The task's part of a spec, as its JSON."""
    columns = {} if found.pictures else _columns(draft, found)
    _presets(draft)
    gold = columns.get("gold_column")
    labels = _labels(draft, found, gold)
    instruction = st.text_area(
        _("Instruction"), key=seed(draft, "instruction", ""), height=90,
        help=_("What the labels are about, and how to decide between them. Sent with every row."),
    )  # fmt: skip
    draft.fields["instruction"] = instruction
    names = [name for name, _description in labels]
    examples = [] if found.pictures else _examples(draft, found, names, columns)
    return {
        **columns,
        "labels": [{"name": name, "description": more} for name, more in labels],
        "instruction": instruction,
        "examples": [{"text": text, "label": label} for text, label in examples],
    }


def _columns(draft: Draft, found: Understood) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        text = _column(draft, "text", _("Text column"), list(found.columns), found.longest())
    with right:
        gold = _column(
            draft, "gold", _("Column with the right labels"), [_NO_COLUMN, *found.columns],
            _NO_COLUMN, help=_("Optional. With it you learn how often the model is right."),
        )  # fmt: skip
    return {"text_column": text, "gold_column": None if gold == _NO_COLUMN else gold}


def _column(
    draft: Draft, name: str, label: str, options: list[str], default: str, **more: Any
) -> str:
    key = seed(draft, name, default)
    if st.session_state[key] not in options:  # another sheet has other columns
        st.session_state[key] = default
    draft.fields[name] = st.selectbox(label, options, key=key, **more)
    return str(draft.fields[name])


def _presets(draft: Draft) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("Start from:"), width="content")
        for name in PRESETS:
            st.button(
                name, key=f"cls_preset_{name}", type="tertiary", on_click=_use, args=(draft, name)
            )


def _use(draft: Draft, preset: str) -> None:
    chosen = PRESETS[preset]
    classify_draft.replace(draft, labels=list(chosen.labels), examples=[])
    st.session_state["cls_instruction"] = chosen.instruction


def _labels(draft: Draft, found: Understood, gold: str | None) -> Pairs:
    rows = _edited(
        "labels", draft.labels, ("name", "description"),
        {
            "name": st.column_config.TextColumn(_("Label"), required=True),
            "description": st.column_config.TextColumn(
                _("When it applies (optional, but it helps)"), width="large"
            ),
        },
        _("Labels with their descriptions"),
    )  # fmt: skip
    draft.labels = rows
    with st.container(horizontal=True, vertical_alignment="center"):
        if gold:
            counted = classify_file.golds(draft, found, gold)
            st.button(
                _("Take labels from «{column}»").format(column=kit.literal(gold)),
                key="cls_take_labels", icon=":material/label:", on_click=_take_labels,
                args=(draft, counted), disabled=not 1 < len(counted) <= MOST_LABELS,
            )  # fmt: skip
        key = seed(draft, "none", False)
        none = st.checkbox(_("Add «none of these»"), key=key)
        draft.fields["none"] = none
    wanted = [*rows, NONE_OF_THESE] if none else rows
    if gold:
        _tell_golds(classify_file.golds(draft, found, gold), [name for name, _more in wanted])
    return wanted


def _edited(
    name: str,
    rows: Pairs,
    columns: tuple[str, str],
    config: dict[str, Any],
    alt: str,
) -> Pairs:
    """The rows as edited; an editor keeps the rows it began with, its edits are its own."""
    key, base = f"cls_{name}_{classify_draft.version()}", f"cls_{name}_base"
    if key not in st.session_state:
        st.session_state[base] = rows
    table = pd.DataFrame(st.session_state[base], columns=list(columns), dtype="str")
    edited = st.data_editor(
        table, key=key, num_rows="dynamic", hide_index=True, column_config=config, alt=alt
    )
    pairs = edited.fillna("").itertuples(index=False)
    return [(first.strip(), second.strip()) for first, second in pairs if first.strip()]


def _take_labels(draft: Draft, counted: Counter[str]) -> None:
    described = dict(draft.labels)
    names = {name.casefold(): name for name, _times in reversed(counted.most_common())}
    taken = [(name, described.get(name, "")) for name in reversed(names.values())]
    classify_draft.replace(draft, labels=taken)


def _tell_golds(counted: Counter[str], labels: list[str]) -> None:
    """How many rows can be judged; nothing is left out silently."""
    find = label_finder(labels)
    known = sum(times for text, times in counted.items() if find(text) is not None)
    rest = counted.total() - known
    text = _("{n} rows have one of these labels as their right one.").format(n=number(known))
    if rest and labels:
        text += " " + _("{n} have another text there and will not be judged.").format(
            n=number(rest)
        )
    if len(counted) > USUAL_LABELS:
        text += " " + _("The column has {n} different texts: is it the right one?").format(
            n=number(len(counted))
        )
    st.caption(text)


def _examples(draft: Draft, found: Understood, labels: list[str], columns: dict[str, Any]) -> Pairs:
    known = set(labels)
    title = _("Examples ({n})").format(n=len(draft.examples))
    with st.expander(title, icon=":material/school:", key="cls_examples_open"):
        st.caption(_("Texts with the right label, shown to the model before each row."))
        _offer_examples(draft, found, labels, columns)
        draft.examples = _edited(
            "examples", draft.examples, ("text", "label"),
            {
                "text": st.column_config.TextColumn(_("Text"), width="large", required=True),
                "label": st.column_config.SelectboxColumn(
                    _("Label"), options=labels, required=True
                ),
            },
            _("Example texts with their labels"),
        )  # fmt: skip
        usable = [one for one in draft.examples if one[1] in known]
        if left_out := len(draft.examples) - len(usable):
            st.warning(
                _("{n} examples have none of the labels and are not used.").format(n=left_out),
                icon=":material/label_off:",
            )
        _tell_examples(found, usable, columns)
    return usable


def _offer_examples(
    draft: Draft, found: Understood, labels: list[str], columns: dict[str, Any]
) -> None:
    """From own rows: some of each label by the gold column, or one by one."""
    texts = list(dict.fromkeys(str(row[columns["text_column"]] or "") for row in found.preview))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.selectbox(_("One of your rows"), texts, key="cls_row", width=360)
        label = st.selectbox(_("Its label"), labels, key="cls_row_label", width=180)
        st.button(
            _("Add"), key="cls_add", icon=":material/add:", disabled=not (text and label),
            on_click=classify_draft.replace, args=(draft,),
            kwargs={"examples": [*draft.examples, (text, label)]},
        )  # fmt: skip
        if columns["gold_column"]:
            st.button(
                _("Take {n} per label").format(n=PER_LABEL), key="cls_take_examples",
                icon=":material/auto_awesome:", on_click=take_examples,
                args=(draft, found, labels, columns),
            )  # fmt: skip


def take_examples(
    draft: Draft, found: Understood, labels: list[str], columns: dict[str, Any]
) -> None:
    examples = picked(found, labels, columns["text_column"], columns["gold_column"])
    classify_draft.replace(draft, examples=examples)


def picked(found: Understood, labels: list[str], text: str, gold: str) -> Pairs:
    """Some rows of each label, in turn; after the first 20, so that a trial is not told them."""
    find, taken = label_finder(labels), {name: list[str]() for name in labels}
    skipped = 20 if found.rows > 60 else 0
    for said, right in islice(found.table.texts(text, gold), skipped, None):
        label = find(right)
        if label is None or not said or not said.strip() or len(said) > LONGEST_EXAMPLE:
            continue
        if len(taken[label]) < PER_LABEL and said not in taken[label]:
            taken[label].append(said)
        if all(len(some) == PER_LABEL for some in taken.values()):
            break
    return [
        (taken[name][at], name)
        for at in range(PER_LABEL)
        for name in labels
        if at < len(taken[name])
    ]


def _tell_examples(found: Understood, examples: Pairs, columns: dict[str, Any]) -> None:
    if not examples or not columns["gold_column"]:
        return
    st.caption(
        _("Rows used as examples are still labelled and counted: accuracy may look up to {share} "
          "better than it is.").format(share=f"{len(examples) / found.rows:.1%}")
    )  # fmt: skip
