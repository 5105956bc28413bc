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
    rows = [{"good": -0.1, "bad": -4.0}, {"good": -0.5, "bad": -2.0}]
    middle = centre(rows)

    assert [decide(row, {})[0] for row in rows] == ["good", "good"]
    assert [decide(row, middle)[0] for row in rows] == ["good", "bad"]


def test_without_rows_the_models_own_scores_count() -> None:
    """No row, nothing to take out."""
    assert centre([]) == {}
    assert decide({"good": math.log(0.3), "bad": math.log(0.1)}, {}) == (
        "good",
        pytest.approx(0.75),
    )


def test_equal_scores_give_the_first_label_and_an_even_confidence() -> None:
    """A row like the average of all is anybody's guess, and says so."""
    row = {"good": -3.0, "bad": -1.0}

    assert decide(row, centre([row, row])) == ("good", pytest.approx(0.5))


@given(st.lists(ROW, min_size=1, max_size=20), ROW)
def test_a_centre_survives_json_and_confidence_is_the_winners_share(rows, row) -> None:
    """A job stores its centre; the winner's share is at least an even one and at most 1."""
    middle = centre(rows)
    label, confidence = decide(row, json.loads(json.dumps(middle)))

    assert (label, confidence) == decide(row, middle)
    assert label in LABELS
    assert 1 / 3 - 1e-9 <= confidence <= 1


@given(
    st.lists(ROW, min_size=1, max_size=20),
    ROW,
    st.fixed_dictionaries(dict.fromkeys(LABELS, st.floats(-20, 20))),
)
def test_a_leaning_that_all_rows_share_changes_nothing(rows, row, leaning) -> None:
    """Adding the same to a label's score everywhere is just what the centre takes out."""

    def leant(scores):
        shares = {label: scores[label] + leaning[label] for label in LABELS}
        return shares

    label, confidence = decide(leant(row), centre([leant(one) for one in rows]))
    plain = decide(row, centre(rows))

    assert confidence == pytest.approx(plain[1], abs=1e-6)
    assert label == plain[0] or plain[1] < 0.5 + 1e-6
