"""What a row takes: all its calls together, a pack's counts divided fairly, unknown never 0."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import Usage
from lib.store.job_rows import Row
from lib.work.tally import NOTHING, UNKNOWN, Counts, Pending, charge, counts_of

COUNT = st.none() | st.integers(0, 10**12)
COUNTS = st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT)


def pending(count: int = 1) -> list[Pending]:
    return [Pending(Row(n, f"text {n}"), key="") for n in range(count)]


def added(counts: list[Counts]) -> Counts:
    return tuple(None if None in column else sum(column) for column in zip(*counts, strict=True))


@given(COUNTS, st.integers(1, 200))
def test_a_packs_counts_are_divided_in_whole_tokens_that_add_up(counts: Counts, size: int) -> None:
    """No row bears more than one token above another, and none is lost to rounding."""
    rows = pending(size)
    charge(rows, counts, 12.0)

    assert added([row.counts for row in rows]) == counts
    for parts in zip(*(row.counts for row in rows), strict=True):
        assert parts[0] is None or max(parts) - min(parts) <= 1


@given(st.lists(COUNTS, min_size=1, max_size=6))
def test_a_rows_counts_add_up_all_its_calls_and_one_unknown_makes_them_unknown(
    calls: list[Counts],
) -> None:
    (row,) = pending()
    for counts in calls:
        charge([row], counts, 1.0)

    assert row.counts == added(calls)


def test_latency_adds_up_and_every_row_of_a_pack_waited_for_the_whole_call() -> None:
    rows = pending(3)
    charge(rows, NOTHING, 100.0)
    charge(rows[:1], UNKNOWN, 50.0)

    assert [row.latency_ms for row in rows] == [150.0, 100.0, 100.0]


def test_a_result_holds_what_the_row_took() -> None:
    (row,) = pending()
    charge([row], counts_of(Usage(10, 3, 1, 2), Decimal("0.000004")), 40.0)
    charge([row], counts_of(Usage(10, 2, 0, 2), Decimal("0.000003")), 2.5)
    result = row.result("vllm/x", "spam", 0.75)

    assert (result.label, result.confidence, result.error) == ("spam", 0.75, None)
    assert result.model == "vllm/x"
    assert result.usage == Usage(20, 5, 1, 4)
    assert (result.cost_usd, result.latency_ms) == (Decimal("0.000007"), 42.5)


def test_what_a_server_does_not_count_stays_unknown_beside_what_it_does() -> None:
    (row,) = pending()
    charge([row], counts_of(Usage(10, 3), Decimal("0.01")), 1.0)
    charge([row], counts_of(Usage(10, None), None), 1.0)
    result = row.result("vllm/x", None, None, "bad_reply")

    assert result.usage == Usage(20, None, None, None)
    assert result.cost_usd is None
    assert result.error == "bad_reply"


@pytest.mark.parametrize("usd", ["0", "0.000000000001", "0.1", "123.456789012"])
def test_a_cost_keeps_every_picodollar(usd: str) -> None:
    (row,) = pending()
    charge([row], counts_of(Usage(), Decimal(usd)), 1.0)

    assert row.result("vllm/x", "spam", None).cost_usd == Decimal(usd)
