"""What some tried rows show: their answers, what a whole job would take, and elsewhere."""

from itertools import islice
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.evaluation import evaluate, label_finder
from lib.core.spec import Spec
from lib.web import kit
from lib.web.classify_file import Understood
from lib.web.job_quality import exact
from lib.web.job_results import problem, tidy
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd
from lib.work.trial import JobEstimate, Trial, TriedRow


def show(made: Trial, asked: Spec, found: Understood) -> None:
    """Each row's answer beside its right label, and how many were right."""
    golds = _golds(asked, found, len(made.rows))
    _score(made, asked, golds)
    rows = [_shown(row, gold, asked) for row, gold in zip(made.rows, golds, strict=True)]
    st.dataframe(
        tidy(rows), hide_index=True, alt=_("The tried rows with their labels"),
        column_config={
            _("text"): st.column_config.TextColumn(width="medium"),
            _("sure"): st.column_config.NumberColumn(format="%.0f %%"),
        },
    )  # fmt: skip


def _shown(row: TriedRow, gold: str | None, asked: Spec) -> dict[str, Any]:
    result = row.result
    own: dict[str, Any] = {_("row"): row.n + 1, _("text"): row.text}
    if asked.gold_column:
        own[_("right label")] = gold or UNKNOWN
    return {
        **own,
        _("label given"): result.label or UNKNOWN,
        _("right"): None if gold is None else result.label == gold,
        _("sure"): None if result.confidence is None else 100 * result.confidence,
        _("problem"): None if result.error is None else problem(result.error),
        _("time"): milliseconds(result.latency_ms),
        "$": usd(result.cost_usd),
    }


def _golds(asked: Spec, found: Understood, most: int) -> list[str | None]:
    if asked.gold_column is None:
        return [None] * most
    find = label_finder(asked.task.names)
    return [find(text) for (text,) in islice(found.table.texts(asked.gold_column), most)]


def _score(made: Trial, asked: Spec, golds: list[str | None]) -> None:
    failed = sum(row.result.error is not None for row in made.rows)
    if failed:
        st.warning(
            _("{n} of {rows} rows failed; the column «problem» says why.").format(
                n=failed, rows=len(made.rows)
            ),
            icon=":material/warning:",
        )
    counts: dict[tuple[str, str | None], int] = {}
    for row, gold in zip(made.rows, golds, strict=True):
        if gold is not None:
            pair = (gold, row.result.label)
            counts[pair] = counts.get(pair, 0) + 1
    score = evaluate(asked.task.names, counts, None, len(made.rows))
    if score.accuracy is None or score.accuracy_low is None or score.accuracy_high is None:
        return
    st.markdown(
        _("**{accuracy:.0%} of {rows} rows right**; with so few rows the truth lies between "
          "{low:.0%} and {high:.0%}.").format(
            accuracy=score.accuracy, rows=score.rows, low=score.accuracy_low,
            high=score.accuracy_high,
        )
    )  # fmt: skip


def card(found: JobEstimate, asked: Spec) -> None:
    with st.container(border=True, key="cls_estimate"):
        st.markdown(_("**All {n} rows**, estimated from the rows tried").format(
            n=number(found.rows)
        ))  # fmt: skip
        first, second, third = st.columns(3)
        first.metric(_("Cost"), usd(found.usd), help=_("95 % interval below"))
        first.caption(kit.literal(between(usd(found.usd_low), usd(found.usd_high))))
        second.metric(_("Time"), duration(found.minutes))
        second.caption(
            _("up to 24 hours, as a batch") if asked.batch
            else between(duration(found.minutes_low), duration(found.minutes_high))
        )  # fmt: skip
        third.metric(_("Calls"), number(found.calls))
        third.caption(
            _("{input} tokens in, {output} out").format(
                input=number(found.input_tokens), output=number(found.output_tokens)
            )
        )
        _explain(found, asked)
        if found.others:
            _elsewhere(found)


def _explain(found: JobEstimate, asked: Spec) -> None:
    if found.usd is None:
        st.caption(_("The cost is unknown: a price or a token count is missing."))
    over = asked.budget_usd is not None and found.usd_high is not None
    if over and found.usd_high > asked.budget_usd:  # type: ignore[operator]
        st.warning(
            _("It may need more than the budget of {budget}: the job would stop and wait.").format(
                budget=kit.literal(usd(asked.budget_usd))
            ),
            icon=":material/account_balance_wallet:",
        )


def _elsewhere(found: JobEstimate) -> None:
    rows = [
        {
            _("model"): other.model,
            _("cost"): exact(other.usd),
            _("through the Batch API"): exact(other.batch_usd),
        }
        for other in found.others
    ]
    with st.expander(_("The same job on other models"), icon=":material/compare_arrows:"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("Cost of this job on other models"))
        st.caption(
            _("The same number of tokens at their prices; how they count and how right they are "
              "differs. The Batch API answers within a day.")
        )  # fmt: skip


def between(low: str, high: str) -> str:
    return UNKNOWN if UNKNOWN in (low, high) else _("{low} to {high}").format(low=low, high=high)


def duration(minutes: float | None) -> str:
    """«40 s», «12 min», «3.5 h»."""
    if minutes is None:
        return UNKNOWN
    if round(minutes * 60) < 60:
        return _("{n} s").format(n=number(max(1, minutes * 60)))
    if minutes < 90:
        return _("{n} min").format(n=number(minutes))
    return _("{n} h").format(n=number(minutes / 60, 1))
