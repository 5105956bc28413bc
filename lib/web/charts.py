"""Charts from core values: plain Plotly figures, no sums and no streamlit."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import plotly.graph_objects as go

from lib.core.estimate import Estimate
from lib.core.rental import Offer
from lib.core.sensitivity import Change
from lib.core.sentences import tokens
from lib.web.texts import _

API_COLOURS = {"standard": "#1f6feb", "batch": "#54aeff", "flex": "#8ec5ff", "priority": "#a371f7"}
GPU_COLOUR, BAND_COLOUR = "#d97706", "rgba(217,119,6,0.18)"
POINTS = 240
_SIZES = ["1", "10", "100", "1 k", "10 k", "100 k", "1 M", "10 M", "100 M", "1 B", "10 B", "100 B"]
_DECADES = {
    "tickvals": [10.0**power for power in range(15)],
    "ticktext": [*_SIZES, "1 T", "10 T", "100 T"],
}


def cost(
    found: Estimate, api_lines: dict[str, Decimal], band: tuple[Offer, Offer] | None
) -> go.Figure:
    """Dollars a month against tokens a month, both logarithmic.

    `api_lines` is USD per token by tier; `band` the GPU's worst and best case. The crossing
    is marked only where the GPUs can carry that volume.
    """
    asked = float(found.assumptions.work.tokens_per_month) or 1e6
    volumes = np.geomspace(max(asked / 100, 1e4), asked * 100, POINTS)
    figure = go.Figure()
    if band:
        slow, fast = (_bills(offer, volumes) for offer in band)
        _add_band(figure, volumes, slow, fast)
    for tier, per_token in api_lines.items():
        figure.add_scatter(
            x=volumes, y=volumes * float(per_token), name=_("API, {tier}").format(tier=tier),
            line={"color": API_COLOURS[tier], "width": 3 if tier == "standard" else 1.5},
            hovertemplate="%{x:.3s} tokens: $%{y:,.2f}<extra>" + f"API, {tier}</extra>",
        )  # fmt: skip
    if found.offer:
        _add_gpu_line(figure, found, volumes)
    figure.add_vline(asked, line={"dash": "dot", "color": "#8b949e"})
    _mark_crossing(figure, found)
    return _style(figure)


def _bills(offer: Offer, volumes: np.ndarray) -> list[float]:
    return [float(offer.usd(Decimal(volume))) for volume in volumes]


def _add_band(figure: go.Figure, volumes: np.ndarray, slow: list[float], fast: list[float]) -> None:
    edge = {"width": 0}
    figure.add_scatter(x=volumes, y=slow, line=edge, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=volumes, y=fast, line=edge, fill="tonexty", fillcolor=BAND_COLOUR, hoverinfo="skip",
        name=_("uncertain speed and rent"),
    )  # fmt: skip


def _add_gpu_line(figure: go.Figure, found: Estimate, volumes: np.ndarray) -> None:
    assert found.offer is not None
    counts = [found.offer.gpus(Decimal(volume)) for volume in volumes]
    figure.add_scatter(
        x=volumes, y=_bills(found.offer, volumes), customdata=counts,
        name=found.assumptions.local.gpu, line={"color": GPU_COLOUR, "width": 3},
        hovertemplate="%{x:.3s} tokens: $%{y:,.2f}, %{customdata} GPU<extra></extra>",
    )  # fmt: skip


def _mark_crossing(figure: go.Figure, found: Estimate) -> None:
    meeting = found.break_even
    if meeting.state != "reached" or not meeting.tokens_per_month or not found.offer:
        return
    bill = found.offer.usd(meeting.tokens_per_month)
    figure.add_scatter(
        x=[float(meeting.tokens_per_month)], y=[float(bill)], mode="markers",
        name=_("renting wins from here"),
        marker={"size": 14, "symbol": "star", "color": "#1a7f37"},
        hovertemplate="%{x:.3s} tokens: $%{y:,.2f}<extra></extra>",
    )  # fmt: skip


def tornado(changes: Sequence[Change]) -> go.Figure:
    """How far the GPU's and the API's bill move, one input at a time, widest at the top."""
    shown = list(changes)[:10][::-1]
    names = [_named(change) for change in shown]
    figure = go.Figure()
    for label, colour, moves in (
        (_("GPU's bill"), GPU_COLOUR, [change.local_change_usd for change in shown]),
        (_("API's bill"), API_COLOURS["standard"], [change.api_change_usd for change in shown]),
    ):
        figure.add_bar(
            y=names, x=[None if move is None else float(move) for move in moves], name=label,
            orientation="h", marker={"color": colour},
            hovertemplate="%{y}: $%{x:,.2f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="group", xaxis={"title": _("change of the monthly bill, US dollars")},
        legend={"orientation": "h", "y": 1.08}, margin={"l": 8, "r": 8, "t": 24, "b": 8},
        yaxis={"automargin": True},
    )  # fmt: skip
    return figure


_INPUTS = {
    "tokens_per_month": _("tokens a month"),
    "input_share": _("input share"),
    "images_per_request": _("pictures a request"),
    "api.batch_share": _("sent by the Batch API"),
    "api.cached_share": _("input from the cache"),
    "api.retry_share": _("calls repeated"),
    "local.decode_tok_s": _("answer tok/s"),
    "rental.usd_per_hour": _("rent, $ an hour"),
    "rental.labour_usd_per_month": _("labour, $ a month"),
    "rental.max_utilisation": _("highest utilisation"),
    "rental.peak_to_average": _("peak ÷ average"),
}


def _named(change: Change) -> str:
    low, high = change.low, change.high
    if change.name == "tokens_per_month":
        low, high = tokens(Decimal(low)), tokens(Decimal(high))
    return f"{_INPUTS.get(change.name, change.name)}: {low} … {high}"


def _style(figure: go.Figure) -> go.Figure:
    dollars = {"type": "log", "title": _("US dollars a month"), "tickprefix": "$"}
    return figure.update_layout(
        xaxis={"type": "log", "title": _("tokens a month"), **_DECADES},
        yaxis={**dollars, "dtick": 1, "tickformat": "~s"},
        legend={"orientation": "h", "y": -0.25},
        margin={"l": 8, "r": 8, "t": 16, "b": 8},
        hovermode="closest",
    )
