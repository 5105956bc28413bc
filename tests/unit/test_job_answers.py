"""What stored answers are good for: other jobs, evaluation, comparison, a look at some of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.task import RowResult
from lib.store.database import Database
from lib.store.job_rows import key_of
from lib.store.jobs import Jobs
from tests.unit.stored_rows import MODEL, Stored, got

TASK = {
    "labels": [{"name": "spam", "description": ""}, {"name": "ham", "description": ""}],
    "instruction": "Sort.",
    "examples": [{"text": "buy", "label": "spam"}],
    "votes": 1,
}


def test_the_same_question_has_the_same_key() -> None:
    assert key_of("m", TASK, "a") == key_of("m", dict(reversed(TASK.items())), "a")


@pytest.mark.parametrize(
    "other",
    [
        {"labels": TASK["labels"][:1]},
        {"labels": TASK["labels"][::-1]},
        {"labels": [{"name": "spam", "description": "x"}, TASK["labels"][1]]},
        {"instruction": "Sort"},
        {"examples": []},
        {"examples": [{"text": "buy", "label": "ham"}]},
        {"votes": 3},
    ],
)
def test_another_question_has_another_key(other: dict[str, Any]) -> None:
    assert key_of("m", TASK | other, "a") != key_of("m", TASK, "a")


@given(st.text(st.characters()), st.text(st.characters()))
def test_another_text_or_model_has_another_key(one: str, two: str) -> None:
    """Nothing runs together: where the model ends and the text begins is part of the key."""
    assert (key_of("m", TASK, one) == key_of("m", TASK, two)) == (one == two)
    assert key_of(f"m{one}", TASK, two) != key_of("m", TASK, one + two) or not one


def test_answers_are_known_to_every_job_by_their_keys(database: Database) -> None:
    """Only labels are: a failure is no answer, and twins have no key of their own."""
    first = Stored(database, ["a", "b", "a"], job="j1")
    second = Stored(database, ["c"], job="j2")
    first.store((0, got("spam")), (1, got(None, "refused")))
    second.store((0, RowResult("ham", None, None, MODEL)))

    known = second.rows.known([f"key of {text}" for text in "abcd"])

    assert known == {"key of a": ("spam", 0.5), "key of c": ("ham", None)}
    assert second.rows.known([]) == {}


def test_thousands_of_keys_are_looked_up_at_once(database: Database) -> None:
    job = Stored(database, ["a"])
    job.store((0, got("spam")))
    keys = [f"another {n}" for n in range(2000)]

    assert job.rows.known([*keys, "key of a"]) == {"key of a": ("spam", 0.5)}


def test_answers_of_a_deleted_job_are_forgotten(database: Database) -> None:
    job = Stored(database, ["a"])
    job.store((0, got("spam")))
    Jobs(database).delete(job.id)

    assert job.rows.known(["key of a"]) == {}


def test_finished_rows_are_counted_by_gold_and_label(database: Database) -> None:
    """Twins by their own gold; rows that are open or have no gold do not count."""
    job = Stored(database, [("a", "spam"), ("b", "ham"), ("c", "ham"), "d", ("e", "ham"), "f"])
    twins = Stored(database, [("a", "spam"), ("a", "ham"), ("a", "ham")], job="j2")
    rows = [(0, got("spam")), (1, got("spam")), (2, got(None, "refused")), (3, got("ham"))]
    job.store(*rows)
    twins.store((0, got("ham")))

    assert job.rows.counts("j1") == {("spam", "spam"): 1, ("ham", "spam"): 1, ("ham", None): 1}
    assert job.rows.counts("j2") == {("spam", "ham"): 1, ("ham", "ham"): 2}


def test_two_jobs_are_paired_by_the_rows_both_have_finished(database: Database) -> None:
    texts = [("a", "spam"), ("b", "ham"), "c", "d"]
    one, two = (Stored(database, texts, job=job) for job in ("j1", "j2"))
    one.store((0, got("spam")), (1, got("ham")), (2, got(None, "refused")))
    two.store((0, got("ham")), (2, got("ham")), (3, got("ham")))

    assert one.rows.pairs("j1", "j2") == {("spam", "spam", "ham"): 1, (None, None, "ham"): 1}


def test_sureness_is_told_where_confidence_and_gold_are_known(database: Database) -> None:
    job = Stored(database, [("a", "spam"), ("b", "ham"), "c", ("d", "ham"), ("e", "ham")])
    unsure = RowResult("ham", None, None, MODEL)
    job.store((0, got("spam")), (1, got("spam")), (2, got("ham")), (3, unsure))

    assert sorted(job.rows.sureness("j1")) == [(0.5, False), (0.5, True)]


@pytest.mark.parametrize(
    ("wanted", "most", "found"),
    [
        ({}, 2, [0, 1]),
        ({"gold": "ham"}, 9, [1, 2]),
        ({"gold": "ham", "label": "spam"}, 9, [1]),
        ({"error": "refused"}, 9, [2]),
        ({"label": None}, 9, [2]),
        ({"gold": None, "label": "ham"}, 9, [3]),
        ({"label": "'; DROP TABLE results"}, 9, []),
    ],
)
def test_finished_rows_are_found_by_gold_label_or_error(
    database: Database, wanted: dict[str, str | None], most: int, found: list[int]
) -> None:
    job = Stored(database, [("a", "spam"), ("b", "ham"), ("c", "ham"), "d", ("e", "ham")])
    rows = [(0, got("spam")), (1, got("spam")), (2, got(None, "refused")), (3, got("ham"))]
    job.store(*rows)

    assert job.rows.where("j1", wanted, most) == {n: dict(rows)[n] for n in found}
