"""The estimate page's results: sentences, bills, chart, ranking, what moves it, claims, files."""

import csv
import html
import io
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lib.core.estimate import Estimate
from lib.core.sentences import percent, sentences, tokens
from lib.web import charts, estimate_plan, kit
from lib.web.texts import UNKNOWN, _, number, usd
from lib.work import estimates

RANKED = 25


def answer(found: Estimate) -> None:
    """What somebody can repeat, then both bills side by side."""
    bills, meeting, *rest = sentences(found)
    st.markdown(f"**{kit.literal(bills)}** {kit.literal(meeting)}")
    now, left = found.now, st.columns(4)
    left[0].metric(_("API, a month"), usd(now.api_usd), border=True)
    name = _("{n} × {gpu}").format(n=now.gpus or UNKNOWN, gpu=found.assumptions.local.gpu)
    left[1].metric(name, usd(now.local_usd), border=True)
    saving = None if now.local_usd is None else now.api_usd - now.local_usd
    left[2].metric(_("Renting saves"), _signed(saving), border=True)
    left[3].metric(
        _("Renting wins from"), _meeting(found), border=True, help=found.break_even.reason
    )
    st.caption(kit.literal(" ".join(rest)))
    for warning in found.warnings:
        st.warning(kit.literal(warning), icon=":material/warning:")


def _meeting(found: Estimate) -> str:
    meeting = found.break_even
    if meeting.state == "always":
        return _("the first token")
    return tokens(meeting.tokens_per_month) if meeting.tokens_per_month else UNKNOWN


def _signed(amount: Any) -> str:
    if amount is None:
        return UNKNOWN
    return usd(amount) if amount >= 0 else f"−{usd(-amount)}"


def chart(found: Estimate) -> go.Figure:
    figure = charts.cost(found, estimates.api_lines(kit.app(), found), estimates.band(found))
    st.plotly_chart(
        figure, key="est_chart", theme="streamlit", config={"displayModeBar": False},
        alt=" ".join(sentences(found)[:2]),
    )  # fmt: skip
    return figure


def details(found: Estimate) -> None:
    ranking, moves, claims = st.tabs(
        [_("All GPUs and models"), _("What moves the answer"), _("The guide's claims")]
    )
    with ranking:
        _ranking(found)
    with moves:
        st.plotly_chart(
            charts.tornado(estimates.moves(kit.app(), found)), key="est_tornado",
            config={"displayModeBar": False}, alt=_("How far each input moves the two bills"),
        )  # fmt: skip
    with claims:
        _claims()


def _ranking(found: Estimate) -> None:
    """The cheapest ways to carry this volume; the API's own bill for comparison above it."""
    sweep = estimates.ranking(found)
    rows = []
    for index in sweep.ranking(0)[:RANKED]:
        one = sweep.candidates[index]
        rows.append(
            {
                _("GPU"): one.machine.gpu,
                _("model"): one.machine.model,
                _("engine"): one.machine.engine,
                _("GPUs"): int(sweep.gpus[index, 0]),
                _("$ an hour"): float(one.usd_per_hour or 0),
                _("$ a month"): round(float(sweep.usd[index, 0]), 2),
                _("busy"): f"{sweep.utilisation[index, 0]:.0%}",
                _("tok/s"): number(float(one.tokens_per_second or 0)),
            }
        )
    text = _("At this volume the API costs {api}. The {n} cheapest ways to rent instead:")
    st.caption(kit.literal(text.format(api=usd(found.now.api_usd), n=len(rows))))
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("GPU and model pairs by monthly cost"))


def _claims() -> None:
    rows = [
        {
            _("claim"): f"{claim.row}: {claim.claim}",
            _("claimed"): _shown(claim.claimed),
            _("recomputed"): _shown(claim.recomputed),
            _("unit"): claim.unit,
            _("verdict"): claim.verdict,
            _("why"): claim.why,
            _("how"): claim.formula,
            _("assuming"): claim.assumption,
        }
        for claim in estimates.claims(kit.app())
    ]
    st.caption(_("What docs.clore.ai's guide says of Gemini 3.1 Flash Lite, and what comes out."))
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=_("The guide's claims with verdicts"))


def _shown(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def files(found: Estimate, figure: go.Figure, link: str, body: dict[str, Any]) -> None:
    """What to take along; `body` is what a plan keeps."""
    with st.container(horizontal=True):
        with st.popover(_("Copy link"), icon=":material/link:"):
            st.caption(_("Every value is written in it."))
            st.code(link, language=None, wrap_lines=True)
        st.download_button(
            _("CSV"), as_csv(found), "estimate.csv", "text/csv", icon=":material/table:",
            on_click="ignore",
        )  # fmt: skip
        st.download_button(
            _("Report"), lambda: as_report(found, figure), "estimate.html", "text/html",
            icon=":material/description:", on_click="ignore",
        )  # fmt: skip
        estimate_plan.save(body)


def as_csv(found: Estimate) -> str:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["tokens_per_month", "api_usd", "local_usd", "gpus"])
    for one in found.series:
        rows.writerow([one.tokens_per_month, one.api_usd, one.local_usd, one.gpus])
    return out.getvalue()


def as_report(found: Estimate, figure: go.Figure) -> str:
    """One HTML file with the chart inside it and every assumption, readable without a network."""
    given = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in estimates.flat(found.assumptions).items()
    )
    said = "".join(f"<p>{html.escape(line)}</p>" for line in sentences(found))
    source = html.escape(f"{found.api.source.url} ({found.api.source.checked})")
    # Streamlit's own template only names colours that its pages fill in.
    plain = go.Figure(figure).update_layout(template="plotly_white")
    drawn = plain.to_html(full_html=False, include_plotlyjs=True, default_height="480px")
    busy = percent(found.offer.utilisation(found.now.tokens_per_month)) if found.offer else UNKNOWN
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Estimate</title>"
        "<body style='font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem'>"
        f"<h1>Gemini or your own GPU</h1>{said}<p>GPU busy: {busy}</p>{drawn}"
        f"<h2>Assumptions of {estimates.today()}</h2><table>{given}</table>"
        f"<p>API prices: {source}</p></body></html>"
    )
