"""What was used by model and page, what failed, and the newest calls."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.errors import AppError
from lib.core.spend import Speed, Spend, Totals
from lib.web.chat_footer import FINISH
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd

MOST = 200  # calls in the table of the newest
_RIGHT = st.column_config.Column(alignment="right")

SOURCES = {
    "chat": _("Chat page"),
    "job": _("Jobs"),
    "classify": _("Lists and tried rows"),
    "api": _("API"),
    "vision": _("API: pictures"),
    "speedtest": _("Speed test"),
}
_MEANINGS = {
    "auth_failed": _("the provider did not accept this server's key"),
    "bad_input": _("the model could not take the request as it was"),
    "bad_reply": _("the model's server broke, or sent what is no answer"),
    "model_missing": _("the provider does not have this model"),
    "quota_exhausted": _("the provider's quota for the day is used up"),
    "rate_limited": _("the provider got too many requests at once"),
    "refused": _("the provider's safety filter stopped it"),
    "timed_out": _("the model took too long to begin its answer"),
    "too_large": _("the request was larger than the model takes"),
    "unreachable": _("the model's server was not there"),
    "unsupported": _("the model cannot read what was sent"),
}


def models(spend: Spend, speeds: Mapping[str, Speed]) -> None:
    """A row a model, the dearest first."""
    rows = []
    for name, totals in _dearest_first(spend.by("model")):
        speed = speeds.get(name, Speed())
        rows.append(
            {_("model"): name}
            | _amounts(totals)
            | {
                _("first token, median"): milliseconds(speed.ttft_p50_ms),
                _("95 % within"): milliseconds(speed.ttft_p95_ms),
                _("tok/s"): number(speed.tokens_per_second, 1),
                _("failed"): number(totals.errors),
            }
        )
    _table(rows, _("Usage by model"))
    st.caption(
        _("Speeds are those of finished answers: tok/s after the first token, as a median. Calls "
          "without a price are in no sum of dollars.")
    )  # fmt: skip


def pages(spend: Spend) -> None:
    """A row for each part of the product that asks models."""
    rows = [
        {_("asked by"): SOURCES.get(name, name)} | _amounts(totals) | {_("failed"): totals.errors}
        for name, totals in _dearest_first(spend.by("source"))
    ]
    _table(rows, _("Usage by page"))


def failed(spend: Spend) -> None:
    """A row for each kind of error, the most frequent first."""
    kinds = spend.by("error")
    if not kinds:
        st.caption(_("No call failed in this time."))
        return
    steps = next_steps()
    rows = [
        {
            _("error"): code,
            _("calls"): number(totals.calls),
            _("what it means"): problem(code),
            _("what to do"): steps.get(code, UNKNOWN),
        }
        for code, totals in sorted(kinds.items(), key=lambda item: -item[1].calls)
    ]
    _table(rows, _("Failed calls by kind"), [_("calls")])


def problem(code: str) -> str:
    """A call's error in words."""
    return _MEANINGS.get(code, code.replace("_", " "))


def next_steps() -> dict[str, str]:
    """What to do about each error code, as the errors themselves say it."""
    found: dict[str, str] = {}
    for kind in _kinds(AppError):
        if "code" in vars(kind):  # its own, not one that it takes over
            found.setdefault(kind.code, kind.default_hint)
    return found


def _kinds(kind: type[AppError]) -> Iterator[type[AppError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def newest(calls: list[dict[str, Any]]) -> None:
    rows = [_call(call) for call in calls]
    first = [_("time, UTC"), _("model"), _("asked by"), _("ended")]
    _table(rows, _("The newest calls"), [name for name in rows[0] if name not in first])
    if len(calls) == MOST:
        st.caption(_("The newest {n}; the files below have all of them.").format(n=MOST))


def _call(call: dict[str, Any]) -> dict[str, str]:
    return {
        _("time, UTC"): call["started"][:19].replace("T", " "),
        _("model"): call["model"],
        _("asked by"): SOURCES.get(call["source"], call["source"]),
        "$": usd(call["cost_usd"]),
        _("tokens in"): number(call["input_tokens"]),
        _("cached"): number(call["cached_tokens"]),
        _("out"): number(call["output_tokens"]),
        _("thinking"): number(call["thinking_tokens"]),
        _("first token"): milliseconds(call["ttft_ms"]),
        _("whole answer"): milliseconds(call["total_ms"]),
        _("ended"): _ending(call),
    }


def _ending(call: dict[str, Any]) -> str:
    if call["total_ms"] is None:
        return _("running, or cut off with the server")
    if call["error"]:
        return problem(call["error"])
    return FINISH.get(call["finish"], _("finished"))


def _dearest_first(groups: Mapping[str, Totals]) -> list[tuple[str, Totals]]:
    return sorted(
        groups.items(), key=lambda item: (item[1].cost_usd or Decimal(0), item[1].calls),
        reverse=True,
    )  # fmt: skip


def _amounts(totals: Totals) -> dict[str, str]:
    used = totals.usage
    return {
        _("calls"): number(totals.calls),
        "$": usd(totals.cost_usd),
        _("without a price"): number(totals.unpriced_calls),
        _("tokens in"): number(used.input_tokens),
        _("cached"): number(used.cached_tokens),
        _("out"): number(used.output_tokens),
        _("thinking"): number(used.thinking_tokens),
    }


def _table(rows: list[dict[str, Any]], alt: str, figures: list[str] | None = None) -> None:
    """Text to the left, figures to the right; without a list, all but the first column."""
    named = list(rows[0])[1:] if figures is None else figures
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, alt=alt,
        column_config={name: _RIGHT for name in named},
    )  # fmt: skip
