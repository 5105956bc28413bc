"""Accuracy, F1, the matrix and the price of a right row: by hand, and against scikit-learn."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from lib.core.evaluation import Evaluation, LabelScore, evaluate, label_finder, wilson

LABELS = ("cat", "dog", "bird", "fish")
FAILED = "no label"
ROWS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=60
)
# 6 cats of which 1 failed and 1 was called a dog, 4 dogs of which 1 was called a cat.
WORKED = {
    ("cat", "cat"): 4,
    ("cat", "dog"): 1,
    ("cat", None): 1,
    ("dog", "dog"): 3,
    ("dog", "cat"): 1,
}


def found(
    counts: dict[tuple[str, str | None], int],
    cost_usd: Decimal | None = None,
    rows_total: int = 10,
    labels: tuple[str, ...] = LABELS,
) -> Evaluation:
    return evaluate(labels, counts, cost_usd, rows_total)


def test_a_worked_example_comes_out():
    answer = found(WORKED)
    assert (answer.rows, answer.accuracy) == (10, 0.7)
    assert answer.accuracy_low == pytest.approx(0.3967781, abs=1e-7)
    assert answer.accuracy_high == pytest.approx(0.8922087, abs=1e-7)
    assert answer.per_label["cat"] == LabelScore(4 / 5, 4 / 6, 8 / 11, 6)
    assert answer.per_label["dog"] == LabelScore(3 / 4, 3 / 4, 6 / 8, 4)
    assert answer.macro_f1 == pytest.approx((8 / 11 + 6 / 8) / 2)


def test_the_matrix_has_gold_down_predicted_across_and_no_label_last():
    answer = found(WORKED)
    assert answer.labels == LABELS
    assert answer.matrix == ((4, 1, 0, 0, 1), (1, 3, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0))


def test_a_label_nobody_uses_scores_zero_and_stays_out_of_the_macro_f1():
    answer = found({("cat", "cat"): 5})
    assert answer.per_label["fish"] == LabelScore(0.0, 0.0, 0.0, 0)
    assert answer.macro_f1 == 1.0


def test_a_label_only_ever_predicted_counts_in_the_macro_f1():
    assert found({("cat", "cat"): 4, ("cat", "dog"): 4}).macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_rows_whose_gold_is_no_label_do_not_count_not_even_their_predictions():
    more = {("horse", "cat"): 7, ("", "dog"): 3, ("cat dog", None): 2, ("   ", "fish"): 1}
    assert found(WORKED | more) == found(WORKED)


def test_blanks_around_a_gold_and_its_case_do_not_matter():
    spelled = {(" Cat\n", "cat"): 2, ("CAT", "cat"): 3, ("\u00a0dOg ", None): 1}
    assert found(spelled) == found({("cat", "cat"): 5, ("dog", None): 1})


def test_labels_come_back_as_the_spec_writes_them():
    answer = found({("SPAM", "Spam"): 1, ("ok", "OK"): 1}, labels=("Spam", "OK"))
    assert (answer.labels, list(answer.per_label), answer.accuracy) == (
        ("Spam", "OK"),
        ["Spam", "OK"],
        1.0,
    )


@pytest.mark.parametrize(
    ("text", "label"), [("STRASSE", "Straße"), (" us ", "US"), ("u s", None), ("", None)]
)
def test_a_label_is_found_whatever_its_case(text: str, label: str | None):
    find = label_finder(("US", "Straße"))
    assert (find(text), find(None)) == (label, None)


def test_an_answer_that_is_none_of_the_labels_stands_in_the_last_column():
    assert found({("cat", "horse"): 2}) == found({("cat", None): 2})


@pytest.mark.parametrize("counts", [{}, {("horse", "cat"): 3}])
def test_without_a_usable_gold_nothing_is_claimed(counts: dict[tuple[str, str | None], int]):
    answer = found(counts, Decimal("0.5"))
    assert (answer.rows, answer.accuracy, answer.macro_f1) == (0, None, None)
    assert (answer.accuracy_low, answer.accuracy_high) == (None, None)
    assert (answer.usd_per_1k_rows, answer.usd_per_1k_correct) == (Decimal(50), None)
    assert answer.per_label["cat"] == LabelScore(0.0, 0.0, 0.0, 0)


def test_the_price_is_over_all_rows_and_exact():
    answer = found(WORKED, Decimal("0.0007"), rows_total=20)
    assert answer.usd_per_1k_rows == Decimal("0.035")
    assert answer.usd_per_1k_correct == Decimal("0.05")


def test_an_unknown_cost_is_unknown_and_a_free_run_costs_nothing():
    unknown, free = found(WORKED), found(WORKED, Decimal(0))
    assert (unknown.usd_per_1k_rows, unknown.usd_per_1k_correct) == (None, None)
    assert (free.usd_per_1k_rows, free.usd_per_1k_correct) == (0, 0)


def test_a_run_that_is_never_right_has_no_price_of_a_right_row():
    answer = found({("cat", "dog"): 5}, Decimal(1), rows_total=5)
    assert (answer.accuracy, answer.accuracy_low, answer.macro_f1) == (0.0, 0.0, 0.0)
    assert (answer.usd_per_1k_rows, answer.usd_per_1k_correct) == (Decimal(200), None)


def test_when_every_row_is_right_a_right_row_costs_exactly_what_a_row_costs():
    answer = found({("cat", "cat"): 7}, Decimal("0.01"), rows_total=7)
    assert answer.usd_per_1k_correct == answer.usd_per_1k_rows


def test_a_job_without_rows_has_no_price():
    assert found({}, Decimal(1), rows_total=0).usd_per_1k_rows is None


@given(ROWS)
def test_accuracy_and_f1_are_those_of_scikit_learn(rows: list[tuple[str, str | None]]):
    gold, predicted = [one for one, _ in rows], [one or FAILED for _, one in rows]
    answer = found(dict(Counter(rows)))
    seen = [name for name in LABELS if name in {*gold, *predicted}]
    assert answer.rows == len(rows)
    assert answer.accuracy == pytest.approx(accuracy_score(gold, predicted))
    assert answer.macro_f1 == pytest.approx(
        f1_score(gold, predicted, labels=seen, average="macro", zero_division=0)
    )


@given(ROWS)
def test_scores_and_matrix_are_those_of_scikit_learn(rows: list[tuple[str, str | None]]):
    gold, predicted = [one for one, _ in rows], [one or FAILED for _, one in rows]
    answer = found(dict(Counter(rows)))
    theirs = precision_recall_fscore_support(gold, predicted, labels=list(LABELS), zero_division=0)
    for name, *scores in zip(LABELS, *theirs, strict=True):
        mine = answer.per_label[name]
        assert [mine.precision, mine.recall, mine.f1, mine.support] == pytest.approx(scores)
    table = confusion_matrix(gold, predicted, labels=[*LABELS, FAILED])
    assert answer.matrix == tuple(map(tuple, table[:-1].tolist()))


@given(ROWS, st.decimals("0", "1000", places=6))
def test_a_right_row_never_costs_less_than_a_row(rows: list[tuple[str, str | None]], cost: Decimal):
    answer = found(dict(Counter(rows)), cost, len(rows))
    assert answer.usd_per_1k_rows is not None
    if answer.usd_per_1k_correct is None:
        assert answer.accuracy == 0
    else:
        assert answer.usd_per_1k_correct >= answer.usd_per_1k_rows
        again = float(answer.usd_per_1k_correct) * (answer.accuracy or 0)
        assert again == pytest.approx(float(answer.usd_per_1k_rows))


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_wilson_intervals_come_out(successes: int, total: int, low: float, high: float):
    """The last two are Newcombe's worked cases of 1998."""
    assert wilson(successes, total) == pytest.approx((low, high), abs=5e-5)


def test_no_rows_have_no_interval():
    assert wilson(0, 0) is None


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_scipy_and_holds_the_share(case: tuple[int, int]):
    successes, total = case
    theirs = binomtest(successes, total).proportion_ci(method="wilson")
    low, high = wilson(successes, total) or (None, None)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-7)
    assert low is not None
    assert high is not None
    assert 0 <= low <= successes / total <= high <= 1
