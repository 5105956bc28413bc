"""A model's own leaning is taken out of its scores; a label and a confidence are left."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.calibration import centre, decide

LABELS = ("good", "bad", "so-so")
LOGPROB = st.floats(min_value=-100, max_value=0)
ROW = st.fixed_dictionaries({label: LOGPROB for label in LABELS})


def test_a_model_that_always_says_the_same_still_tells_rows_apart() -> None:
    """Both rows look «good» to the model; the one that does so less than usual is «bad»."""
    rows = [{"good": -0.1, "bad": -4.0}, {"good": -0.5, "bad": -2.0}] * 20
    middle = centre(rows)

    assert [decide(row, {})[0] for row in rows[:2]] == ["good", "good"]
    assert [decide(row, middle)[0] for row in rows[:2]] == ["good", "bad"]


def test_a_single_row_is_not_its_own_measure() -> None:
    """One row alone is judged by the model's own scores, surely not by the order of labels."""
    row = {"good": -3.0, "bad": -0.5}

    assert decide(row, centre([row]))[0] == "bad"


def test_labels_that_come_often_may_do_so() -> None:
    """Where three rows of four plainly are «good», the centre leaves them so."""
    good, bad = {"good": -0.5, "bad": -3.0}, {"good": -1.5, "bad": -1.0}
    leant = [{"good": row["good"] - 4, "bad": row["bad"]} for row in [good, good, good, bad] * 16]
    middle = centre(leant)

    assert [decide(row, middle)[0] for row in leant[:4]] == ["good", "good", "good", "bad"]


def test_confidence_grows_with_the_distance_from_the_centre() -> None:
    """Measured in what is usual: a row far out is surer than one near the middle."""
    rows = [{"good": -1 - step / 50, "bad": -1 + step / 50} for step in range(-25, 26)]
    middle = centre(rows)
    near, far = decide(rows[28], middle), decide(rows[50], middle)

    assert near[0] == far[0] == "bad"
    assert near[1] < far[1]


def test_without_rows_the_models_own_scores_count() -> None:
    """No row, nothing to take out."""
    assert centre([]) == {}
    assert decide({"good": math.log(0.3), "bad": math.log(0.1)}, {}) == (
        "good",
        pytest.approx(0.75),
    )


def test_equal_scores_give_the_first_label_and_an_even_confidence() -> None:
    """A row that speaks for nothing is anybody's guess, and says so."""
    assert decide({"good": -2.0, "bad": -2.0}, {}) == ("good", pytest.approx(0.5))


@given(st.lists(ROW, min_size=1, max_size=20), ROW)
def test_a_centre_survives_json_and_confidence_is_the_winners_share(rows, row) -> None:
    """A job stores its centre; the winner's share is at least an even one and at most 1."""
    middle = centre(rows)
    label, confidence = decide(row, json.loads(json.dumps(middle)))

    assert (label, confidence) == decide(row, middle)
    assert label in LABELS
    assert 1 / 3 - 1e-9 <= confidence <= 1


@pytest.mark.parametrize("leaning", [-8.0, -1.0, 3.0, 10.0])
def test_a_leaning_that_all_rows_share_changes_next_to_nothing(leaning) -> None:
    """However much the model likes «good», the same rows come out on top."""
    rows = [{"good": -1 - step / 50, "bad": -1 + step / 50} for step in range(-50, 51)]
    leant = [{"good": row["good"] + leaning, "bad": row["bad"]} for row in rows]
    plain, middle = centre(rows), centre(leant)
    same = [decide(a, plain)[0] == decide(b, middle)[0] for a, b in zip(rows, leant, strict=True)]

    assert sum(same) >= 95
