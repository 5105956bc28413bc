"""The charts of jobs hold the numbers they are drawn from."""

from decimal import Decimal

from lib.core.evaluation import evaluate
from lib.core.reliability import reliability
from lib.web import job_charts
from lib.web.job_charts import Priced
from lib.web.job_quality import exact

COUNTS = {("good", "good"): 8, ("good", "bad"): 1, ("bad", "bad"): 3, ("bad", None): 1}


def test_every_cell_of_the_matrix_can_be_clicked() -> None:
    """A square per right and given label, «no label» among them, and all counts written."""
    found = evaluate(["good", "bad"], COUNTS, Decimal(1), 13)
    figure = job_charts.confusion(found, "no label", dark_page=True)
    squares = figure.data[-1]

    assert list(squares.customdata[1]) == ["good", "bad"]
    assert list(squares.customdata[-1]) == ["bad", ""]
    assert list(squares.text) == ["8", "1", "0", "0", "3", "1"]
    written = [text for trace in figure.select_traces({"mode": "text"}) for text in trace.text]
    assert sorted(written) == ["0", "0", "1", "1", "3", "8"]


def test_a_long_label_is_cut_on_the_axis_only() -> None:
    """The axis shows its beginning; a click still names the whole label."""
    long = "a label that is much too long for an axis"
    found = evaluate([long, "b"], {(long, "b"): 2}, None, 2)
    figure = job_charts.confusion(found, "no label", dark_page=False)

    assert figure.layout.yaxis.ticktext[0] == "a label that is m…"
    assert figure.data[-1].customdata[0][0] == long


def test_reliability_shows_the_bins_that_have_rows() -> None:
    """Empty bins are no points."""
    figure = job_charts.reliability(reliability([(0.95, True), (0.91, True), (0.45, False)]))

    assert list(figure.data[1].y) == [0.0, 1.0]
    assert list(figure.data[1].customdata) == [1, 2]


def test_a_model_that_cost_nothing_keeps_the_axis_linear() -> None:
    """Zero has no place on a logarithmic axis."""
    paid = Priced("a", 0.8, 0.7, 0.9, Decimal("0.02"))
    free = Priced("b", 0.7, 0.6, 0.8, Decimal(0))

    assert job_charts.worth([paid, paid]).layout.xaxis.type == "log"
    assert job_charts.worth([paid, free]).layout.xaxis.type is None
    assert [trace.name for trace in job_charts.worth([paid, free]).data] == ["a", "b"]


def test_small_prices_can_be_told_apart() -> None:
    """Three digits below a dollar, cents above, – for the unknown."""
    wanted = {"0.0244": "$0.0244", "0.000267": "$0.000267", "1.5": "$1.50", "0": "$0.00"}

    assert {given: exact(Decimal(given)) for given in wanted} == wanted
    assert exact(None) == "–"
