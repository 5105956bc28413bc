"""Which answer was better: stored pair by pair, so that models can be compared over all prompts."""

import pytest

from lib.core.errors import BadInput
from lib.store.database import Database
from lib.store.marks import Marks, Tally

A, B, C = "gemini/a", "ollama/b", "vllm/c"


@pytest.fixture
def marks(database: Database) -> Marks:
    return Marks(database)


def test_a_mark_is_kept_by_its_prompt(marks: Marks) -> None:
    """Chosen, equally good, and not marked are three different things."""
    marks.put("one", 0, [B, A], B)
    marks.put("one", 3, [A, B], None)
    marks.put("two", 0, [A, B], A)

    assert marks.of("one") == {0: B, 3: None}
    assert marks.of("two") == {0: A}
    assert marks.of("nobody") == {}


def test_the_best_of_three_beats_both_others(marks: Marks) -> None:
    """Nothing is said about the two that were not chosen."""
    marks.put("one", 0, [C, A, B], B)

    assert marks.of("one") == {0: B}
    assert marks.tally() == [Tally(A, B, 0, 1, 0), Tally(B, C, 1, 0, 0)]


def test_a_tie_is_one_of_all_pairs(marks: Marks) -> None:
    marks.put("one", 0, [C, A, B], None)

    assert marks.of("one") == {0: None}
    assert marks.tally() == [Tally(A, B, 0, 0, 1), Tally(A, C, 0, 0, 1), Tally(B, C, 0, 0, 1)]


def test_a_second_thought_replaces_the_first(marks: Marks) -> None:
    """The newest mark of a prompt is the only one, also when it is of fewer models."""
    marks.put("one", 0, [A, B, C], None)
    marks.put("one", 0, [A, B], A)
    marks.put("one", 0, [A, B], B)

    assert marks.of("one") == {0: B}
    assert marks.tally() == [Tally(A, B, 0, 1, 0)]


def test_a_mark_can_be_taken_back(marks: Marks) -> None:
    marks.put("one", 0, [A, B], A)
    marks.put("one", 3, [A, B], A)
    marks.clear("one", 0)
    marks.clear("one", 0)

    assert marks.of("one") == {3: A}


def test_the_tally_is_over_all_conversations(marks: Marks) -> None:
    """Wins of each and ties of a pair, whatever the order of the models was."""
    for conversation, better in (("one", A), ("two", A), ("three", B), ("four", None)):
        marks.put(conversation, 0, [B, A], better)
    marks.put("one", 3, [A, C], C)

    assert marks.tally() == [Tally(A, B, 2, 1, 1), Tally(A, C, 0, 1, 0)]


@pytest.mark.parametrize(("models", "better"), [([A, B], C), ([A], A), ([A, A], None), ([], None)])
def test_a_mark_of_nothing_is_refused(marks: Marks, models: list[str], better: str | None) -> None:
    """One answer cannot be compared, and only a compared one can be the better."""
    marks.put("one", 0, [A, B], A)
    with pytest.raises(BadInput):
        marks.put("one", 0, models, better)

    assert marks.of("one") == {0: A}
