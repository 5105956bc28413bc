"""Charts of jobs: confusion matrix, reliability, accuracy against cost; no sums, no streamlit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import plotly.graph_objects as go

from lib.core.evaluation import Evaluation
from lib.core.reliability import Reliability
from lib.web.texts import _

RIGHT, WRONG, GREY, FAINT = "#1f6feb", "#d97706", "#8b949e", "rgba(139,148,158,0.10)"
CELL_PX, MOST_SHOWN = 44, 18  # characters of a label on an axis


@dataclass(frozen=True, slots=True)
class Priced:
    """A job as a point: its share of right rows and what 1,000 of them cost."""

    name: str
    accuracy: float
    low: float
    high: float
    usd_per_1k_correct: Decimal


def confusion(found: Evaluation, no_label: str) -> go.Figure:
    """Right labels down, given labels across; blue is right, orange wrong, full the whole row.

    Each cell has an invisible square on top: Plotly selects points, never cells of a heat map.
    Its `customdata` is (right label, given label), the latter "" for no label.
    """
    counts = np.array(found.matrix, dtype=float)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    down = np.arange(len(found.labels))
    across = np.arange(len(found.labels) + 1)
    figure = go.Figure()
    right = down[:, None] == across[None, :]
    for colour, where in ((RIGHT, right), (WRONG, ~right)):
        figure.add_heatmap(
            z=np.where(where, counts / totals, np.nan), x=across, y=down, zmin=0, zmax=1,
            colorscale=[[0, FAINT], [1, colour]], showscale=False, hoverinfo="skip",
            xgap=2, ygap=2,
        )  # fmt: skip
    cells = [(row, column) for row in down for column in across]
    given = [*found.labels, ""]
    share = {cell: counts[cell] / totals[cell[0], 0] for cell in cells}
    figure.add_scatter(
        x=[column for _row, column in cells], y=[row for row, _column in cells],
        mode="markers+text", text=[f"{counts[cell]:,.0f}" for cell in cells],
        textfont={"color": ["#ffffff" if share[cell] > 0.55 else GREY for cell in cells]},
        marker={"symbol": "square", "size": CELL_PX, "color": "rgba(0,0,0,0)"},
        selected={"marker": {"color": "rgba(139,148,158,0.55)"}},
        unselected={"marker": {"opacity": 1, "color": "rgba(0,0,0,0)"}},
        customdata=[(found.labels[row], given[column]) for row, column in cells],
        hovertemplate=_("right: %{customdata[0]}<br>given: %{customdata[1]}<br>%{text} rows")
        + "<extra></extra>",
        showlegend=False,
    )  # fmt: skip
    names = [_short(name) for name in found.labels]
    return figure.update_layout(
        xaxis={
            "title": _("label given"), "tickvals": across, "ticktext": [*names, no_label],
            "showgrid": False, "zeroline": False, "side": "top", "fixedrange": True,
        },
        yaxis={
            "title": _("right label"), "tickvals": down, "ticktext": names, "showgrid": False,
            "zeroline": False, "autorange": "reversed", "fixedrange": True, "automargin": True,
        },
        height=140 + (CELL_PX + 8) * len(names), margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest", dragmode=False,
    )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + "…"


def reliability(found: Reliability) -> go.Figure:
    """How often rows are right at each confidence; on the dotted line it means what it says."""
    bins = [one for one in found.bins if one.accuracy is not None]
    shares = [one.accuracy or 0 for one in bins]
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": GREY}, hoverinfo="skip",
        name=_("confidence means what it says"),
    )  # fmt: skip
    figure.add_scatter(
        x=[one.mean_confidence for one in bins], y=shares, mode="lines+markers",
        name=_("this job"), line={"color": RIGHT}, customdata=[one.rows for one in bins],
        error_y={
            "array": [(one.accuracy_high or 0) - (one.accuracy or 0) for one in bins],
            "arrayminus": [(one.accuracy or 0) - (one.accuracy_low or 0) for one in bins],
        },
        hovertemplate=_("confidence %{x:.0%}: %{y:.0%} right, %{customdata} rows")
        + "<extra></extra>",
    )  # fmt: skip
    percent = {"range": [0, 1.02], "tickformat": ".0%"}
    return _plain(figure).update_layout(
        xaxis={"title": _("confidence"), **percent},
        yaxis={"title": _("rows that are right"), **percent},
    )


def worth(jobs: Sequence[Priced]) -> go.Figure:
    """Share of right rows against dollars per 1,000 right ones; up and left is better."""
    figure = go.Figure()
    figure.add_scatter(
        x=[float(job.usd_per_1k_correct) for job in jobs], y=[job.accuracy for job in jobs],
        mode="markers+text", text=[job.name for job in jobs], textposition="top center",
        marker={"size": 12, "color": RIGHT}, showlegend=False, cliponaxis=False,
        error_y={
            "array": [job.high - job.accuracy for job in jobs],
            "arrayminus": [job.accuracy - job.low for job in jobs],
        },
        hovertemplate="%{text}: %{y:.1%}, $%{x:.2~g}<extra></extra>",
    )  # fmt: skip
    most = max((float(job.usd_per_1k_correct) for job in jobs), default=1.0) or 1.0
    return _plain(figure).update_layout(
        xaxis={
            "title": _("US dollars per 1,000 right rows"), "tickprefix": "$",
            "range": [-0.15 * most, 1.35 * most], "zeroline": False,
        },
        yaxis={"title": _("rows that are right"), "tickformat": ".0%"},
    )  # fmt: skip


def _plain(figure: go.Figure) -> go.Figure:
    return figure.update_layout(
        height=340, margin={"l": 8, "r": 8, "t": 16, "b": 8}, hovermode="closest",
        legend={"orientation": "h", "y": -0.28},
    )  # fmt: skip
