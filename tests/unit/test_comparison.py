"""Two runs beside each other: by hand, and against scikit-learn and SciPy."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, cohen_kappa_score

from lib.core.comparison import Comparison, compare, mcnemar

LABELS = ("yes", "no", "maybe")
ANSWERS = st.sampled_from((*LABELS, None))
ROWS = st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), max_size=60)
Pairs = dict[tuple[str | None, str | None, str | None], int]


def found(pairs: Pairs) -> Comparison:
    return compare(pairs, LABELS)


def gold(only_a: int, only_b: int, both: int = 0) -> Comparison:
    """Runs that are right alone and together on so many rows."""
    return found({
        ("yes", "yes", "no"): only_a, ("yes", "no", "yes"): only_b, ("yes", "yes", "yes"): both
    })  # fmt: skip


def test_a_worked_example_comes_out():
    """The textbook kappa: 20 and 15 agreed of 50, 25 and 30 yes; 0.7 against 0.5 by chance."""
    answer = found({
        (None, "yes", "yes"): 20, (None, "yes", "no"): 5,
        (None, "no", "yes"): 10, (None, "no", "no"): 15,
    })  # fmt: skip
    assert (answer.rows, answer.rows_labelled, answer.agreement) == (50, 50, 0.7)
    assert answer.kappa == pytest.approx(0.4)
    assert (answer.agreement_low, answer.agreement_high) == pytest.approx(
        (0.5625, 0.8090), abs=1e-4
    )


def test_who_is_right_where_the_other_is_not():
    answer = gold(only_a=1, only_b=9, both=10)
    assert (answer.rows_gold, answer.only_a_right, answer.only_b_right) == (20, 1, 9)
    assert (answer.accuracy_a, answer.accuracy_b) == (11 / 20, 19 / 20)
    assert answer.mcnemar_p == pytest.approx(2 * (1 + 10) / 2**10)


def test_a_failed_row_is_wrong_and_agrees_with_nothing():
    answer = found({("yes", None, None): 4, ("yes", None, "yes"): 3, ("yes", "yes", "yes"): 1})
    assert (answer.rows, answer.rows_labelled, answer.agreement) == (8, 1, 1.0)
    assert (answer.rows_gold, answer.accuracy_a, answer.accuracy_b) == (8, 1 / 8, 4 / 8)
    assert (answer.only_a_right, answer.only_b_right) == (0, 3)


def test_rows_without_a_usable_gold_still_agree_or_not():
    answer = found({(None, "yes", "yes"): 1, ("what", "no", "yes"): 1, (" ", "no", "no"): 2})
    assert (answer.rows, answer.rows_gold, answer.agreement) == (4, 0, 0.75)
    assert (answer.accuracy_a, answer.accuracy_b, answer.mcnemar_p) == (None, None, None)


def test_blanks_around_a_gold_and_its_case_do_not_matter():
    assert found({(" YES ", "yes", "no"): 3}) == found({("yes", "yes", "no"): 3})


def test_runs_that_write_a_label_in_different_case_agree_on_it():
    answer = compare({("yes", "Yes", "YES"): 2}, ("Yes", "no", "YES"))
    assert (answer.agreement, answer.accuracy_a, answer.accuracy_b) == (1.0, 1.0, 1.0)


def test_nothing_at_all_is_unknown_not_zero():
    answer = found({})
    assert answer.rows == 0
    assert (answer.agreement, answer.agreement_low, answer.agreement_high) == (None, None, None)
    assert (answer.kappa, answer.accuracy_a, answer.mcnemar_p) == (None, None, None)


def test_kappa_is_undefined_when_both_always_say_the_same_one_label():
    assert found({(None, "yes", "yes"): 30}).kappa is None


def test_runs_that_are_right_on_the_same_rows_have_a_p_of_one():
    assert gold(0, 0, both=5).mcnemar_p == 1.0


@pytest.mark.parametrize(
    ("only_a", "only_b", "both", "verdict"),
    [
        (0, 0, 0, "Neither can be called better: no row has a gold label to compare with."),
        (0, 0, 9, "A and B are right on exactly the same rows."),
        (4, 4, 9, "A and B are right equally often, though not on the same rows."),
        (3, 6, 9, "The difference could be chance (p = 0.51)."),
        (0, 5, 9, "The difference could be chance (p = 0.062)."),
        (4, 18, 9, "B is right more often, and chance alone hardly explains it (p = 0.004)."),
        (90, 10, 9, "A is right more often, and chance alone hardly explains it (p < 0.001)."),
    ],
)
def test_the_verdict_is_a_sentence_anybody_can_read(
    only_a: int, only_b: int, both: int, verdict: str
):
    assert gold(only_a, only_b, both).verdict == verdict


@given(ROWS)
def test_agreement_and_kappa_are_those_of_scikit_learn(rows):
    answer = found(dict(Counter(rows)))
    both = [(a, b) for _, a, b in rows if a and b]
    assert (answer.rows, answer.rows_labelled) == (len(rows), len(both))
    if answer.kappa is None:
        assert len({name for pair in both for name in pair}) < 2
    else:
        of_a, of_b = zip(*both, strict=True)
        assert answer.agreement == pytest.approx(accuracy_score(of_a, of_b))
        assert answer.kappa == pytest.approx(cohen_kappa_score(of_a, of_b))


@given(ROWS)
def test_accuracies_are_those_of_scikit_learn(rows):
    answer = found(dict(Counter(rows)))
    golden = [row for row in rows if row[0]]
    assert answer.rows_gold == len(golden)
    if golden:
        columns = zip(*golden, strict=True)
        wanted, of_a, of_b = ([name or "" for name in column] for column in columns)
        assert answer.accuracy_a == pytest.approx(accuracy_score(wanted, of_a))
        assert answer.accuracy_b == pytest.approx(accuracy_score(wanted, of_b))


@given(ROWS)
def test_changing_the_sides_changes_nothing_else(rows):
    one = found(dict(Counter(rows)))
    other = found(dict(Counter((wanted, b, a) for wanted, a, b in rows)))
    assert one.verdict.strip("AB") == other.verdict.strip("AB")
    assert one == replace(
        other,
        accuracy_a=other.accuracy_b,
        accuracy_b=other.accuracy_a,
        only_a_right=other.only_b_right,
        only_b_right=other.only_a_right,
        verdict=one.verdict,
    )


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_the_p_value_is_the_exact_binomial_one_of_scipy(only_a: int, only_b: int):
    theirs = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    # Below that SciPy's own falls to 0.
    assert mcnemar(only_a, only_b) == pytest.approx(theirs, rel=1e-9, abs=1e-200)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (3, 6), (10, 1065), (900, 1000)])
def test_the_p_value_is_the_one_of_whole_numbers(only_a: int, only_b: int):
    rows = only_a + only_b
    tail = sum(math.comb(rows, at) for at in range(only_a + 1))
    assert mcnemar(only_a, only_b) == pytest.approx(2 * tail / 2**rows, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("only_a", "only_b"),
    [
        (500_000, 500_000),
        (499_999, 500_001),
        (499_000, 501_000),
        (495_000, 505_000),
        (480_000, 520_000),
    ],
)
def test_a_million_discordant_rows_are_still_exact(only_a: int, only_b: int):
    theirs = binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(only_a, only_b) == pytest.approx(theirs, rel=1e-7)


def test_a_p_value_too_small_for_a_number_is_zero():
    assert mcnemar(1, 10**6) == 0.0
