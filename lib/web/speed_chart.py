"""Charts of speed tests: tokens a second and first tokens against streams; no streamlit."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from lib.core.speed import Interval, Level
from lib.store.speed_tests import SpeedTest
from lib.web.texts import _

# Readable on white and on dark.
ANSWER, PROMPT, MEDIAN, SLOWEST = "#1f6feb", "#d97706", "#1a7f37", "#a371f7"
DASHES = ("solid", "dot")  # a second test is dotted


def rates(tests: Sequence[SpeedTest], names: Sequence[str]) -> go.Figure:
    """Tokens a second over all streams, both axes logarithmic: straight up is twice for twice.

    One or two tests; `names` tell two apart. Bars are the 95 % intervals.
    """
    figure = go.Figure()
    for test, dash, suffix in _told_apart(tests, names):
        answers = [(level, level.answer_tok_s) for level in test.levels]
        prompts = [(level, level.prompt_tok_s) for level in test.levels]
        _add_rate(figure, prompts, _("prompt tok/s") + suffix, PROMPT, dash)
        _add_rate(figure, answers, _("answer tok/s") + suffix, ANSWER, dash)
    return _style(figure, tests).update_layout(
        yaxis={"type": "log", "title": _("tokens a second"), "dtick": "D2", "tickformat": "~s"}
    )


def _add_rate(
    figure: go.Figure,
    points: Sequence[tuple[Level, Interval | None]],
    name: str,
    colour: str,
    dash: str,
) -> None:
    known = [(level.streams, found) for level, found in points if found is not None]
    figure.add_scatter(
        x=[streams for streams, _found in known],
        y=[found.value for _streams, found in known],
        error_y={
            "array": [(found.high or found.value) - found.value for _streams, found in known],
            "arrayminus": [found.value - (found.low or found.value) for _streams, found in known],
        },
        name=name, mode="lines+markers", line={"color": colour, "dash": dash},
        hovertemplate="%{x}: %{y:,.1f} tok/s<extra>" + name + "</extra>",
    )  # fmt: skip


def first_tokens(tests: Sequence[SpeedTest], names: Sequence[str]) -> go.Figure:
    """Milliseconds until the first token: the median, and what 95 % of the calls kept within."""
    figure = go.Figure()
    for test, dash, suffix in _told_apart(tests, names):
        for name, colour, points in (
            (_("median"), MEDIAN, [level.ttft_p50_ms for level in test.levels]),
            (_("95 % within"), SLOWEST, [level.ttft_p95_ms for level in test.levels]),
        ):
            figure.add_scatter(
                x=[level.streams for level in test.levels], y=points, name=name + suffix,
                mode="lines+markers", line={"color": colour, "dash": dash},
                hovertemplate="%{x}: %{y:,.0f} ms<extra>" + name + suffix + "</extra>",
            )  # fmt: skip
    return _style(figure, tests).update_layout(
        yaxis={"title": _("first token, ms"), "rangemode": "tozero", "tickformat": ",d"}
    )


def _told_apart(
    tests: Sequence[SpeedTest], names: Sequence[str]
) -> Iterator[tuple[SpeedTest, str, str]]:
    """Each test with its dash, and what is written behind its lines' names."""
    for test, dash, name in zip(tests, DASHES, names, strict=False):
        yield test, dash, f" · {name}" if len(tests) > 1 else ""


def _style(figure: go.Figure, tests: Sequence[SpeedTest]) -> go.Figure:
    levels = sorted({level.streams for test in tests for level in test.levels})
    return figure.update_layout(
        xaxis={
            "type": "log", "title": _("streams at once"), "tickvals": levels,
            "ticktext": [str(streams) for streams in levels],
        },
        height=340, margin={"l": 8, "r": 8, "t": 16, "b": 8},
        legend={"orientation": "h", "y": -0.28},
        hovermode="closest", showlegend=True,
    )  # fmt: skip
