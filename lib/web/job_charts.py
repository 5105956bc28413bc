"""Charts of jobs: confusion matrix, reliability, accuracy against cost; no sums, no streamlit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from lib.core.evaluation import Evaluation
from lib.core.reliability import Reliability
from lib.web.texts import _

RIGHT, WRONG, GREY, FAINT = "#1f6feb", "#d97706", "#8b949e", "rgba(139,148,158,0.10)"
ON_DARK, ON_LIGHT = "#ffffff", "#1b1f24"
DARK = 0.55  # cells fuller than this are dark
COLOURS = (RIGHT, WRONG, "#1a7f37", "#a371f7", "#cf222e", GREY)
CELL_PX, SMALL_CELL_PX = 52, 28
MOST_SHOWN = 18  # characters of a label on an axis


@dataclass(frozen=True, slots=True)
class Priced:
    """A job as a point: its share of right rows and what 1,000 of them cost."""

    name: str
    accuracy: float
    low: float
    high: float
    usd_per_1k_correct: Decimal


def confusion(found: Evaluation, no_label: str, dark_page: bool) -> go.Figure:
    """Right labels down, given labels across; blue is right, orange wrong, the fuller the more.

    Each cell has an invisible square on top: Plotly selects points, never cells of a heat map.
    Its `customdata` is (right label, given label), the latter "" for no label.
    """
    counts = np.array(found.matrix, dtype=float)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    down = np.arange(len(found.labels))
    across = np.arange(len(found.labels) + 1)
    figure = go.Figure()
    right = down[:, None] == across[None, :]
    for colour, where, full in ((RIGHT, right, 1), (WRONG, ~right, 0.3)):
        figure.add_heatmap(
            z=np.where(where, counts / totals, np.nan), x=across, y=down, zmin=0, zmax=full,
            colorscale=[[0, FAINT], [1, colour]], showscale=False, hoverinfo="skip",
            xgap=2, ygap=2,
        )  # fmt: skip
    _write_counts(figure, counts, counts / totals > DARK, dark_page)
    _add_squares(figure, found)
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
        height=140 + (CELL_PX if len(names) <= 10 else SMALL_CELL_PX) * len(names),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest", dragmode=False, hoverdistance=-1,
    )  # fmt: skip


def _write_counts(figure: go.Figure, counts: np.ndarray, dark: np.ndarray, dark_page: bool) -> None:
    """White on full cells; traces of their own, for a selection fades what has no colour."""
    for colour, where in ((ON_DARK, dark), (ON_DARK if dark_page else ON_LIGHT, ~dark)):
        down, across = np.nonzero(where)
        font = {"color": colour}
        figure.add_scatter(
            x=across, y=down, mode="text", text=[f"{n:,.0f}" for n in counts[down, across]],
            textfont=font, selected={"textfont": font}, unselected={"textfont": font},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip


def _add_squares(figure: go.Figure, found: Evaluation) -> None:
    given = [*found.labels, ""]
    cells = [(row, column) for row in range(len(found.labels)) for column in range(len(given))]
    nothing = "rgba(0,0,0,0)"
    figure.add_scatter(
        x=[column for _row, column in cells], y=[row for row, _column in cells], mode="markers",
        marker={"symbol": "square", "size": 36, "color": nothing},
        selected={"marker": {"opacity": 1, "color": "rgba(139,148,158,0.4)"}},
        unselected={"marker": {"opacity": 1, "color": nothing}},
        customdata=[(found.labels[row], given[column]) for row, column in cells],
        text=[f"{found.matrix[row][column]:,}" for row, column in cells],
        hovertemplate=_("right: %{customdata[0]}<br>given: %{customdata[1]}<br>%{text} rows")
        + "<extra></extra>",
        showlegend=False,
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
    for job, colour in zip(jobs, cycle(COLOURS)):
        figure.add_scatter(
            x=[float(job.usd_per_1k_correct)], y=[job.accuracy], mode="markers", name=job.name,
            marker={"size": 13, "color": colour},
            error_y={"array": [job.high - job.accuracy], "arrayminus": [job.accuracy - job.low]},
            hovertemplate="%{y:.1%} right, $%{x:.3~g} per 1,000<extra>" + job.name + "</extra>",
        )  # fmt: skip
    costs = {
        "title": _("US dollars per 1,000 right rows"),
        "tickprefix": "$",
        "showtickprefix": "all",
    }
    if all(job.usd_per_1k_correct > 0 for job in jobs):
        costs |= {"type": "log", "tickformat": "~g", "dtick": "D2"}
    return _plain(figure).update_layout(
        xaxis=costs, yaxis={"title": _("rows that are right"), "tickformat": ".0%"}, showlegend=True
    )


def _plain(figure: go.Figure) -> go.Figure:
    return figure.update_layout(
        height=340, margin={"l": 8, "r": 8, "t": 16, "b": 8}, hovermode="closest",
        legend={"orientation": "h", "y": -0.28},
    )  # fmt: skip
