"""Rows of a job: chunks to ask, twins that are not asked, results that are counted once."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core.chat import Usage
from lib.core.task import RowResult
from lib.store import job_rows
from lib.store.database import Database
from lib.store.job_rows import Answered, Row
from lib.store.jobs import Jobs
from tests.unit.stored_rows import MODEL, Stored, got

FREE = Usage(0, 0, 0, 0)


def test_rows_are_asked_in_chunks_in_the_order_of_the_file(database: Database) -> None:
    job = Stored(database, [f"text {n}" for n in range(7)], size=3)
    chunks = [job.rows.left(job.id, chunk) for chunk in job.rows.unfinished(job.id)]

    assert job.total == 7
    assert [[(row.n, row.text) for row in chunk] for chunk in chunks] == [
        [(0, "text 0"), (1, "text 1"), (2, "text 2")],
        [(3, "text 3"), (4, "text 4"), (5, "text 5")],
        [(6, "text 6")],
    ]


def test_texts_come_back_as_they_were(database: Database) -> None:
    """Also a zero byte, which Postgres does not store as text; gold stays with its row."""
    texts = ["Grüße\r\n", "\x00", "🙂", '"', "a" * 100_000, "a\u2028b"]
    job = Stored(database, [(text, "ham") for text in texts])

    assert [(row.text, row.gold) for row in job.left.values()] == [(t, "ham") for t in texts]


def test_blank_texts_and_half_characters_are_rows_without_a_text(database: Database) -> None:
    """They cannot be sent and are no twins of each other: each gets its own error."""
    job = Stored(database, [None, "", " \n", "half \ud800", "whole", ""])

    assert [row.text for row in job.left.values()] == [None, None, None, None, "whole", None]


def test_equal_texts_are_asked_once_across_chunks(database: Database) -> None:
    """The first stands for all; its twins keep their own gold labels."""
    job = Stored(database, [("a", "ham"), "b", ("a", "spam"), "c", "b", "a"], size=2)

    assert list(job.left.values()) == [Row(0, "a", "ham"), Row(1, "b"), Row(3, "c")]
    job.store((0, got("ham")))
    assert job.rows.counts(job.id) == {("ham", "ham"): 1, ("spam", "ham"): 1}


def test_twins_get_the_answer_of_the_first_for_nothing(database: Database) -> None:
    job = Stored(database, ["a", "b", "a", "a"], size=2)
    job.store((0, got("ham")))
    first, unasked, *twins = job.results

    assert first == got("ham")
    assert unasked == RowResult()
    assert twins == [RowResult("ham", 0.5, None, MODEL, FREE, Decimal(0), None)] * 2
    assert (job.record.rows_done, job.record.usage) == (3, Usage(10, 2, 1, 4))


def test_a_chunk_is_unfinished_until_its_last_row_is_stored(database: Database) -> None:
    job = Stored(database, [f"text {n}" for n in range(4)], size=2)
    job.store((0, got()), (3, got(None, "bad_reply")))
    assert (job.rows.unfinished(job.id), list(job.left)) == ([0, 1], [1, 2])

    job.store((1, got()))
    assert (job.rows.unfinished(job.id), list(job.left)) == ([1], [2])

    job.store((2, got()))
    assert (job.rows.unfinished(job.id), job.record.rows_failed) == ([], 1)


def test_answers_of_twins_do_not_finish_a_chunk_for_its_own_rows(database: Database) -> None:
    """Twins of the first chunk's rows lie among the rows of the second."""
    job = Stored(database, ["a", "b", "c", "d", "a", "b", "e", "f"], size=3)
    job.store(*((n, got()) for n in range(4)))

    assert list(job.left) == [6, 7]


def test_a_row_that_is_stored_twice_counts_once_and_keeps_its_first_answer(
    database: Database,
) -> None:
    """A kill may lead to a second answer for a row; the job's sums must not notice."""
    job = Stored(database, ["a", "b", "a"])
    row = job.left[0]
    for label in ("spam", "ham", None):
        job.rows.store(job.id, [Answered(row, got(label, None if label else "refused"), "key")])

    assert [result.label for result in job.results] == ["spam", None, "spam"]
    assert (job.record.rows_done, job.record.rows_failed) == (2, 0)
    assert (job.record.usage, job.record.cost_usd) == (Usage(10, 2, 1, 4), Decimal("0.001"))


def test_a_jobs_counts_are_the_sum_of_its_rows(database: Database) -> None:
    job = Stored(database, ["a", "b", "c", "a"])
    job.store((0, got(cost="0.000000000001")), (1, got(None, "refused", cost="0.25")))
    results, record = job.results, job.record

    assert record.cost_usd == sum(one.cost_usd or 0 for one in results)
    assert record.usage == Usage(20, 4, 2, 8)
    assert (record.rows_done, record.rows_failed) == (3, 1)


def test_one_unknown_count_makes_the_jobs_sum_unknown_for_good(database: Database) -> None:
    job = Stored(database, ["a", "b", "c"])
    unknown = RowResult("ham", None, None, MODEL, Usage(5, None, None, 0), None, 1.0)
    job.store((0, got()), (1, unknown))
    job.store((2, got()))

    assert job.record.usage == Usage(25, None, None, 8)
    assert job.record.cost_usd is None
    assert job.results[1] == unknown


def test_failed_rows_are_asked_again_and_what_they_took_stays_counted(database: Database) -> None:
    """Their twins too; labels that were right are left alone."""
    job = Stored(database, ["a", "b", "a", "c"], size=2)
    job.store((0, got(None, "unreachable")), (1, got()), (3, got(None, "bad_reply")))
    job.retry()
    assert (list(job.left), job.record.rows_done, job.record.rows_failed) == ([0, 3], 1, 0)
    assert job.record.usage == Usage(30, 6, 3, 12)

    job.store((0, got("ham")))
    first, _, twin, open_ = job.results
    assert (first.label, first.error, first.usage) == ("ham", None, Usage(20, 4, 2, 8))
    assert (first.cost_usd, first.latency_ms) == (Decimal("0.002"), 80.0)
    assert (twin.label, twin.usage, twin.cost_usd) == ("ham", FREE, 0)
    assert (open_.label, open_.error, open_.model) == (None, None, None)
    assert (job.record.rows_done, job.record.usage) == (3, Usage(40, 8, 4, 16))


def test_an_answer_from_another_job_leaves_the_latency_of_the_calls_there_were(
    database: Database,
) -> None:
    job = Stored(database, ["a"])
    job.store((0, got(None, "timed_out")))
    job.retry()
    job.store((0, RowResult("ham", None, None, MODEL, FREE, Decimal(0))))

    assert job.results[0].latency_ms == 40.0


def test_results_stream_in_order_with_empty_ones_for_rows_not_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_rows, "PAGE", 3)
    job = Stored(database, [f"text {n}" for n in range(20)])
    asked = [1, 2, 3, 7, 11, 12, 18]
    job.store(*((n, got(f"label {n}")) for n in asked))

    assert [result.label for result in job.results] == [
        f"label {n}" if n in asked else None for n in range(20)
    ]
    assert all(job.results[n] == RowResult() for n in range(20) if n not in asked)


def test_a_file_of_twins_is_stored_in_portions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_rows, "PAGE", 3)
    job = Stored(database, ["a", "b"] + ["a"] * 10, size=5)
    job.store((1, got("ham")), (0, got("spam")))

    assert [result.label for result in job.results] == ["spam", "ham"] + ["spam"] * 10
    assert job.rows.unfinished(job.id) == []


def test_rows_of_a_deleted_job_are_not_stored(database: Database) -> None:
    """Calls that were under way come home to nothing."""
    job = Stored(database, ["a", "b"])
    row = job.left[0]
    Jobs(database).delete(job.id)
    job.rows.store(job.id, [Answered(row, got(), "key")])

    assert job.results == [RowResult(), RowResult()]
    assert job.rows.known(["key"]) == {}
    assert job.rows.left(job.id, 0) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.sampled_from(["a", "b", "c", "d", "", None, "e" * 50]), max_size=40),
    size=st.integers(1, 7), data=st.data(),
)  # fmt: skip
def test_however_a_job_is_interrupted_every_row_gets_its_texts_answer(
    database: Database, texts: list[str | None], size: int, data: st.DataObject
) -> None:
    """Rows are answered in any order and portions; twins, chunks and counts come out right."""
    Jobs(database).delete("j1")
    job = Stored(database, texts, size)
    while left := list(job.left.values()):
        some = data.draw(st.lists(st.sampled_from(left), min_size=1, unique_by=lambda row: row.n))
        job.store(*((row.n, got(row.text, None if row.text else "bad_input")) for row in some))
    failed = [not text for text in texts]

    assert [result.label for result in job.results] == [text or None for text in texts]
    assert [result.error is not None for result in job.results] == failed
    assert (job.record.rows_done, job.record.rows_failed) == (len(texts), sum(failed))
