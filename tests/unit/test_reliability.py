"""Confidence against being right: bins, calibration error and thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lib.core.errors import BadInput
from lib.core.evaluation import wilson
from lib.core.reliability import THRESHOLDS, Kept, reliability

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=80)
WORKED = [(0.95, True), (0.95, True), (0.95, False), (0.65, True), (0.65, False), (0.2, False)]


def test_a_worked_example_comes_out():
    answer = reliability(WORKED)
    sure, half = answer.bins[9], answer.bins[6]
    assert (sure.low, sure.high, sure.rows) == (0.9, 1.0, 3)
    assert (sure.mean_confidence, sure.accuracy) == pytest.approx((0.95, 2 / 3))
    assert (sure.accuracy_low, sure.accuracy_high) == wilson(2, 3)
    assert (half.rows, half.accuracy) == (2, 0.5)
    gaps = 3 * (0.95 - 2 / 3) + 2 * (0.65 - 0.5) + 1 * (0.2 - 0)
    assert answer.calibration_error == pytest.approx(gaps / 6)


def test_a_threshold_says_what_is_kept_and_how_right_that_is():
    kept = {one.threshold: one for one in reliability(WORKED).thresholds}
    assert kept[0.0] == Kept(0.0, 1.0, 0.5)
    assert kept[0.5] == Kept(0.5, 5 / 6, 3 / 5)
    assert kept[0.95] == Kept(0.95, 0.5, 2 / 3)
    assert kept[0.98] == Kept(0.98, 0.0, None)


def test_an_empty_bin_knows_nothing():
    empty = reliability(WORKED).bins[0]
    assert (empty.rows, empty.mean_confidence, empty.accuracy) == (0, None, None)
    assert (empty.accuracy_low, empty.accuracy_high) == (None, None)


def test_no_rows_at_all_are_unknown_not_zero():
    answer = reliability([])
    assert (answer.rows, answer.calibration_error) == (0, None)
    assert answer.thresholds[0] == Kept(0.0, None, None)


def test_perfect_confidence_has_no_error():
    answer = reliability([(1.0, True)] * 4 + [(0.0, False)] * 3)
    assert answer.calibration_error == 0
    assert (answer.bins[0].rows, answer.bins[9].rows) == (3, 4)


def test_a_confidence_on_an_edge_belongs_to_the_bin_above():
    for at in range(100):
        bins = reliability([(at / 100, True)], bins=100).bins
        assert [place for place, one in enumerate(bins) if one.rows] == [at]


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan"), float("inf"), 90])
def test_a_confidence_outside_its_range_is_refused(confidence: float):
    with pytest.raises(BadInput, match="outside 0 to 1"):
        reliability([(0.5, True), (confidence, True)])


@given(PAIRS, st.integers(1, 30))
def test_bins_cover_every_row_once_and_hold_their_mean(pairs: list[tuple[float, bool]], bins: int):
    answer = reliability(iter(pairs), bins)
    assert (len(answer.bins), answer.rows) == (bins, len(pairs))
    assert sum(one.rows for one in answer.bins) == len(pairs)
    assert (answer.bins[0].low, answer.bins[-1].high) == (0, 1)
    for one in answer.bins:
        if one.mean_confidence is not None:
            assert one.low - 1e-12 <= one.mean_confidence <= one.high + 1e-12


@given(PAIRS)
def test_keeping_fewer_rows_never_keeps_more(pairs: list[tuple[float, bool]]):
    kept = reliability(pairs).thresholds
    assert tuple(one.threshold for one in kept) == THRESHOLDS
    shares = [one.share or 0 for one in kept]
    assert shares == sorted(shares, reverse=True)
    for one in kept:
        left = [right for confidence, right in pairs if confidence >= one.threshold]
        assert one.accuracy == (sum(left) / len(left) if left else None)


@given(PAIRS)
def test_the_error_is_a_share_and_with_one_bin_the_gap_of_the_means(
    pairs: list[tuple[float, bool]],
):
    error, single = reliability(pairs).calibration_error, reliability(pairs, 1).calibration_error
    if not pairs:
        assert (error, single) == (None, None)
        return
    gap = sum(confidence - right for confidence, right in pairs) / len(pairs)
    assert single == pytest.approx(abs(gap), abs=1e-12)
    assert error is not None
    assert abs(gap) - 1e-12 <= error <= 1


# Figures of three digits that are no edge: on an edge scikit-learn takes the bin below.
@given(
    st.lists(
        st.tuples(
            st.integers(0, 999).filter(lambda n: n % 100).map(lambda n: n / 1000), st.booleans()
        ),
        min_size=1,
    )
)
def test_bins_are_those_of_scikit_learn(pairs: list[tuple[float, bool]]):
    confidences, right = zip(*pairs, strict=True)
    accuracy, mean = calibration_curve([*right, True, False], [*confidences, 0.0, 0.0], n_bins=10)
    filled = [one for one in reliability([*pairs, (0.0, True), (0.0, False)]).bins if one.rows]
    assert [one.accuracy for one in filled] == pytest.approx(list(accuracy))
    assert [one.mean_confidence for one in filled] == pytest.approx(list(mean))
