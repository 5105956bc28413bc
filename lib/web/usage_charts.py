"""The usage page's charts: plain Plotly figures, no streamlit."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import plotly.graph_objects as go

from lib.core.spend import Spend, Totals
from lib.web.texts import _, usd
from lib.work.budget import Budget

Measure = Literal["usd", "tokens", "calls"]

# Readable on white and on dark; the rest of the models share the grey.
COLOURS = ("#1f6feb", "#d97706", "#1a7f37", "#a371f7", "#cf222e", "#54aeff", "#b08800")
GREY = "#8b949e"
FAINT = "rgba(139,148,158,0.25)"
SPENT_COLOURS = {"calm": "#1f6feb", "warns": "#d97706", "full": "#cf222e"}
BAR_MS = 0.8 * 24 * 3600 * 1000  # of a day
FEWEST_DAYS = 7  # a day alone would fill the whole width

_AXES = {"usd": _("US dollars"), "tokens": _("tokens in and out"), "calls": _("calls")}
_HOVER = {"usd": "$%{y:,.4~f}", "tokens": "%{y:,.0f}", "calls": "%{y:,.0f}"}


def measured(totals: Totals, by: Measure) -> Decimal | int | None:
    """What a bar is as high as; None is unknown and has no bar."""
    if by == "usd":
        return totals.cost_usd
    if by == "calls":
        return totals.calls
    known = [totals.usage.input_tokens, totals.usage.output_tokens]
    return None if known == [None, None] else sum(count or 0 for count in known)


def daily(spend: Spend, by: Measure, first: date | None, last: date) -> go.Figure:
    """A bar a day, the models on top of each other, the one that took most at the bottom."""
    cells = spend.daily("model")
    figure = go.Figure()
    for name, colour, belongs in _series(spend, by):
        heights: dict[str, float] = {}
        for (day, model), totals in cells.items():
            value = measured(totals, by) if belongs(model) else None
            if value is not None:
                heights[day] = heights.get(day, 0.0) + float(value)
        figure.add_bar(
            x=list(heights), y=list(heights.values()), name=name, marker={"color": colour},
            width=BAR_MS, hovertemplate=f"%{{x|%-d %b}}: {_HOVER[by]}<extra>{name}</extra>",
        )  # fmt: skip
    plain = {"exponentformat": "none", "tickprefix": "$" if by == "usd" else ""}
    return figure.update_layout(
        barmode="stack", height=340, margin={"l": 8, "r": 8, "t": 16, "b": 8},
        legend={"orientation": "h", "y": -0.2, "traceorder": "normal"}, showlegend=True,
        xaxis={"type": "date", "range": _range(spend, first, last), "tickformat": "%-d %b"},
        yaxis={"title": _AXES[by], "rangemode": "tozero", **plain},
    )  # fmt: skip


def _series(spend: Spend, by: Measure) -> list[tuple[str, str, Callable[[str], bool]]]:
    """Name, colour and models of each layer: the largest alone, all others as one."""
    sums = {name: measured(totals, by) for name, totals in spend.by("model").items()}
    known = {name: value for name, value in sums.items() if value}
    names = sorted(known, key=known.__getitem__, reverse=True)
    alone = names if len(names) <= len(COLOURS) else names[: len(COLOURS) - 1]
    layers: list[tuple[str, str, Callable[[str], bool]]] = [
        (name, colour, name.__eq__) for name, colour in zip(alone, COLOURS, strict=False)
    ]
    rest = set(names) - set(alone)
    if rest:
        layers.append((_("{n} others").format(n=len(rest)), GREY, rest.__contains__))
    return layers


def _range(spend: Spend, first: date | None, last: date) -> list[str]:
    """From noon to noon around the days, so that whole bars are seen."""
    begun = [one.day for one in spend.slices]
    start = first or (date.fromisoformat(min(begun)) if begun else last)
    start = min(start, last - timedelta(days=FEWEST_DAYS - 1))
    noon = datetime.combine(start, datetime.min.time()) - timedelta(hours=12)
    end = datetime.combine(last, datetime.min.time()) + timedelta(hours=12)
    return [noon.isoformat(), end.isoformat()]


def budget(found: Budget) -> go.Figure:
    """One bar: spent, reserved, left."""
    mood = "full" if found.is_full else "warns" if found.warns else "calm"
    figure = go.Figure()
    for name, amount, colour in (
        (_("spent"), found.spent_usd, SPENT_COLOURS[mood]),
        (_("reserved"), found.reserved_usd, GREY),
        (_("left"), found.left_usd, FAINT),
    ):
        figure.add_bar(
            x=[float(amount)], y=[""], orientation="h", name=name,
            marker={"color": colour}, hovertemplate=f"{name} {usd(amount)}<extra></extra>",
        )  # fmt: skip
    everything = float(max(found.monthly_usd, found.spent_usd + found.reserved_usd))
    return figure.update_layout(
        barmode="stack", height=64, margin={"l": 0, "r": 0, "t": 0, "b": 0}, bargap=0,
        xaxis={"visible": False, "fixedrange": True, "range": [0, everything]},
        yaxis={"visible": False, "fixedrange": True, "domain": [0.6, 1]},
        legend={"orientation": "h", "y": 0.45, "yanchor": "top", "x": 0, "traceorder": "normal"},
        showlegend=True, dragmode=False,
    )  # fmt: skip
