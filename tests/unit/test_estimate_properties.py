"""What must hold of every estimate, whatever the numbers."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_estimate import answer

VOLUMES = st.integers(0, 10**13)
SHARES = st.floats(0, 1)
RENTALS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["always_on", "window", "offline", "spot"]),
        "usd_per_hour": st.floats(0.01, 5),
        "peak_to_average": st.floats(1, 10),
        "max_utilisation": st.floats(0.05, 1),
        "active_hours_per_month": st.floats(1, 730),
        "sessions_per_month": st.integers(0, 60),
        "cold_start_hours": st.floats(0, 2),
        "minimum_hours": st.floats(0, 24),
        "interruptions_per_hour": st.floats(0, 1),
        "labour_usd_per_month": st.floats(0, 5000),
    }
)
GPUS = st.sampled_from(["RTX 3060 12GB", "RTX 4090", "H100 80GB SXM"])
Terms = dict[str, Any]


@given(VOLUMES, SHARES, SHARES, SHARES, st.integers(1, 50))
def test_the_api_bill_is_linear(volume: int, share: float, cached: float, batch: float, times: int):
    """Twice the work costs twice as much at the API."""
    same = {"input_share": share, "api": {"cached_share": cached, "batch_share": batch}}
    once = answer(tokens_per_month=volume, **same)["api"]
    more = answer(tokens_per_month=volume * times, **same)["api"]

    assert more["usd_per_month"] == pytest.approx(once["usd_per_month"] * times, rel=1e-12)
    assert more["usd_per_mtok"] == once["usd_per_mtok"]


@given(VOLUMES, RENTALS, GPUS)
def test_the_local_bill_never_falls_and_steps_with_the_gpus(volume: int, rental: Terms, gpu: str):
    """More work never costs less, and a bill that is all rent changes only with a GPU more."""
    found = answer(tokens_per_month=volume, rental=rental, local={"gpu": gpu})

    for less, more in pairwise(found["series"]):
        assert more["local_usd"] >= less["local_usd"]
        assert more["gpus"] >= less["gpus"]
        if rental["mode"] in ("always_on", "window") and more["gpus"] == less["gpus"]:
            assert more["local_usd"] == less["local_usd"]


@given(RENTALS, st.floats(1, 10))
def test_a_dearer_gpu_never_breaks_even_earlier(rental: Terms, times: float):
    """Raising the rent never lowers the break-even, and never makes one reachable."""
    dearer = rental | {"usd_per_hour": rental["usd_per_hour"] * times}
    order = {"always": 0, "reached": 1, "not_reached": 2}
    cheap, dear = (answer(rental=terms)["break_even"] for terms in (rental, dearer))

    assert order[cheap["state"]] <= order[dear["state"]]
    if cheap["state"] == dear["state"] == "reached":
        assert dear["tokens_per_month"] >= cheap["tokens_per_month"] * (1 - 1e-12)


@given(VOLUMES, RENTALS, SHARES)
def test_more_utilisation_never_needs_more_gpus(volume: int, rental: Terms, part: float):
    """A GPU that may be fuller never means more GPUs, and never more hours."""
    fuller = rental | {"max_utilisation": max(rental["max_utilisation"], part)}
    before, after = (
        answer(tokens_per_month=volume, rental=terms)["local"] for terms in (rental, fuller)
    )

    assert after["gpus"] <= before["gpus"]
    assert after["hours_needed"] <= before["hours_needed"]


@given(RENTALS, GPUS)
def test_at_the_break_even_both_bills_are_equal(rental: Terms, gpu: str):
    """Asked again at the break-even volume, the estimate gives equal bills and its GPUs."""
    meeting = answer(rental=rental, local={"gpu": gpu})["break_even"]
    if meeting["state"] != "reached" or meeting["tokens_per_month"] > 1e15:
        return
    there = answer(rental=rental, local={"gpu": gpu}, tokens_per_month=meeting["tokens_per_month"])

    assert there["local"]["gpus"] == meeting["gpus"]
    assert there["local"]["usd_per_month"] == pytest.approx(there["api"]["usd_per_month"], rel=1e-9)


@given(RENTALS, st.integers(1, 40))
def test_the_closed_form_is_the_first_that_pays(rental: Terms, many: int):
    """Trying 1, 2, 3 … GPUs one after the other finds the same number."""
    terms = rental | {"labour_usd_per_month": rental["labour_usd_per_month"] * many}
    found = answer(rental=terms, tokens_per_month=10**6)
    meeting, local = found["break_even"], found["local"]
    usable = local["capacity_tokens_per_month"] * rental["max_utilisation"]
    if rental["mode"] in ("always_on", "window"):
        usable /= rental["peak_to_average"]
    for gpus in range(1, min(meeting["gpus"] or 30, 30)):
        # Just below what so many serve, so that rounding decides nothing.
        full = answer(rental=terms, tokens_per_month=gpus * usable * (1 - 1e-9))
        api, ours = full["api"]["usd_per_month"], full["local"]["usd_per_month"]

        assert meeting["state"] != "always"
        assert api <= ours * (1 + 1e-6)


@given(VOLUMES, RENTALS, st.integers(0, 40))
def test_each_point_of_the_series_is_its_own_answer(volume: int, rental: Terms, index: int):
    """A point of the series and the answer at its volume are the same numbers."""
    series = answer(tokens_per_month=volume, rental=rental)["series"]
    point = series[min(index, len(series) - 1)]
    alone = answer(tokens_per_month=point["tokens_per_month"], rental=rental)

    assert point["api_usd"] == alone["api"]["usd_per_month"]
    assert point["local_usd"] == alone["local"]["usd_per_month"]
    assert point["gpus"] == alone["local"]["gpus"]
