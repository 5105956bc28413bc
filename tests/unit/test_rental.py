"""Rent, GPUs and break-even by hand, in every mode."""

from decimal import Decimal
from typing import Any

import pytest

from lib.core.assumptions import Rent
from lib.core.break_even import break_even
from lib.core.rental import Offer, ceiling, offer
from tests.unit.test_estimate import MEASURED, answer

THOUSAND = Decimal(1000)  # tokens a second: 2,628 M tokens in 730 hours
API = Decimal("8.75e-7")


def rented(mode: str, **terms: Any) -> Offer:
    values = {name: Decimal(str(value)) for name, value in terms.items()}
    usd = values.pop("usd_per_hour", Decimal("0.25"))
    return offer(Rent(mode, usd, **values), THOUSAND)


def bill(mode: str, tokens: float, **terms: Any) -> float:
    return float(rented(mode, **terms).usd(Decimal(str(tokens))))


@pytest.mark.parametrize(
    ("mode", "terms", "usd"),
    [
        ("always_on", {}, 730 * 0.2625),
        ("always_on", {"labour_usd_per_month": 40}, 730 * 0.2625 + 40),
        ("always_on", {"active_hours_per_month": 100}, 730 * 0.2625),
        ("always_on", {"peak_to_average": 20}, 2 * 730 * 0.2625),
        ("window", {"active_hours_per_month": 200}, 200 * 0.2625),
        ("window", {"active_hours_per_month": 40}, 2 * 40 * 0.2625),
        (
            "window",
            {"active_hours_per_month": 200, "sessions_per_month": 20, "cold_start_hours": 0.5},
            (200 + 10) * 0.2625,
        ),
        ("offline", {}, 1e8 / 3.6e6 / 0.6 * 0.2625),
        ("offline", {"peak_to_average": 9}, 1e8 / 3.6e6 / 0.6 * 0.2625),
        ("offline", {"max_utilisation": 0.9}, 1e8 / 3.6e6 / 0.9 * 0.2625),
        ("offline", {"minimum_hours": 60}, 60 * 0.2625),
        ("offline", {"minimum_hours": 12, "sessions_per_month": 5}, 60 * 0.2625),
        (
            "offline",
            {"cold_start_hours": 0.5, "sessions_per_month": 4},
            (1e8 / 3.6e6 / 0.6 + 2) * 0.2625,
        ),
        (
            "spot",
            {"cold_start_hours": 0.5, "interruptions_per_hour": 0.1, "labour_usd_per_month": 7},
            (1e8 / 3.6e6 / 0.6 + 0.5) * 0.2625 * 1.05 + 7,
        ),
        ("spot", {"interruptions_per_hour": 0.1}, 1e8 / 3.6e6 / 0.6 * 0.2625),
        ("always_on", {"fee_share": 0, "usd_per_hour": 0}, 0),
    ],
)
def test_each_mode_bills_what_the_contract_says(mode: str, terms: dict[str, Any], usd: float):
    """100 M tokens at 1,000 tokens a second, $0.25 and 5 %, computed by hand."""
    assert bill(mode, 1e8, **terms) == pytest.approx(usd, rel=1e-14)


def test_every_gpu_is_started_and_kept_the_minimum():
    """Two GPUs offline pay two minimums, or two cold starts beside the hours of the work."""
    terms = {"minimum_hours": 800, "cold_start_hours": 0.5}
    hours = 1.6e9 / 3.6e6 / 0.6

    assert rented("offline").gpus(Decimal(1_600_000_000)) == 2
    assert bill("offline", 1.6e9, **terms) == pytest.approx(1600 * 0.2625)
    assert bill("offline", 1.6e9, cold_start_hours=0.5) == pytest.approx((hours + 1) * 0.2625)


def test_capacity_is_that_of_the_open_hours():
    """Only a window shortens the month; only offered service keeps room for a peak."""
    window = rented("window", active_hours_per_month=73, peak_to_average=2)

    assert window.capacity == 262_800_000
    assert window.usable == Decimal("78840000.0")
    assert rented("offline", active_hours_per_month=73, peak_to_average=2).usable == 1_576_800_000


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("0", 0),
        ("0.2", 1),
        ("2", 2),
        ("2.0000000000000004", 2),
        ("1.9999999999999996", 2),
        ("2.0000001", 3),
        ("1000000000000001", 1000000000000001),
    ],
)
def test_rounding_alone_never_adds_a_gpu(value: str, whole: int):
    """A quotient above a whole number by a unit of the sixteenth digit is that number."""
    assert ceiling(Decimal(value)) == whole


@pytest.mark.parametrize(
    ("mode", "terms", "tokens", "gpus"),
    [
        ("always_on", {}, 219_000_000, 1),
        ("always_on", {"labour_usd_per_month": 87.5}, 319_000_000, 1),
        # One GPU serves 1,576.8 M = $1,379.70; two pay $383.25 and the labour of $2,000.
        ("always_on", {"labour_usd_per_month": 2000}, (2 * 191.625 + 2000) / 8.75e-7, 2),
        ("window", {"active_hours_per_month": 200}, 60_000_000, 1),
        ("offline", {"minimum_hours": 10}, 3_000_000, 1),
        # A token costs 0.2625 / 2,160,000 = 1.2153e-7 offline.
        ("offline", {"cold_start_hours": 1}, 0.2625 / (8.75e-7 - 0.2625 / 2.16e6), 1),
        ("spot", {"labour_usd_per_month": 75.34722222222223}, 1e8, 1),
    ],
)
def test_break_even_is_where_both_bills_are_equal(
    mode: str, terms: dict[str, Any], tokens: float, gpus: int
):
    """Hand-computed: the volume, the GPUs it takes, and equal bills there."""
    ours = rented(mode, **terms)
    meeting = break_even(ours, API)

    assert meeting.state == "reached"
    assert float(meeting.tokens_per_month) == pytest.approx(tokens, rel=1e-12)
    assert meeting.gpus == ours.gpus(meeting.tokens_per_month) == gpus
    assert float(ours.usd(meeting.tokens_per_month)) == pytest.approx(
        float(API * meeting.tokens_per_month), rel=1e-14
    )


@pytest.mark.parametrize("mode", ["offline", "spot"])
def test_without_a_fixed_part_cheaper_is_always_cheaper(mode: str):
    """No start, minimum or labour, and each token cheaper: renting wins from the first one."""
    meeting = break_even(rented(mode), API)

    assert (meeting.state, meeting.tokens_per_month, meeting.gpus) == ("always", 0, 1)


def test_a_free_gpu_is_always_cheaper():
    """A GPU that costs nothing has no fixed part in any mode."""
    assert break_even(rented("always_on", usd_per_hour=0), API).state == "always"


@pytest.mark.parametrize(
    ("mode", "terms"),
    [
        ("always_on", {"usd_per_hour": 2}),
        ("always_on", {"usd_per_hour": 2, "labour_usd_per_month": 5}),
        ("always_on", {"labour_usd_per_month": 20_000_000}),
        ("offline", {"usd_per_hour": 2}),
        ("offline", {"usd_per_hour": 2, "minimum_hours": 1}),
        ("offline", {"usd_per_hour": 1.79, "cold_start_hours": 30}),
        ("window", {"active_hours_per_month": 1, "cold_start_hours": 10}),
    ],
)
def test_what_never_pays_says_why(mode: str, terms: dict[str, Any]):
    """A GPU that cannot earn its rent, alone or ten thousand times, is said to be so."""
    meeting = break_even(rented(mode, **terms), API)

    assert (meeting.state, meeting.tokens_per_month, meeting.gpus) == ("not_reached", None, None)
    assert meeting.reason.endswith(".")


def test_ten_thousand_gpus_are_the_most():
    """Labour that 10,000 GPUs just earn is reached with them; a dollar more is not."""
    ours = rented("always_on")
    most = 10_000 * (API * ours.usable - ours.floor_usd)

    assert break_even(rented("always_on", labour_usd_per_month=most), API).gpus == 10_000
    assert break_even(rented("always_on", labour_usd_per_month=most + 1), API).gpus is None


def test_break_even_exactly_at_full_use_is_reached():
    """When all a GPU can serve costs the API its rent, that volume is the break-even."""
    ours = rented("always_on")
    meeting = break_even(ours, ours.floor_usd / ours.usable)

    assert (meeting.state, meeting.gpus) == ("reached", 1)
    assert float(meeting.tokens_per_month) == pytest.approx(float(ours.usable))


OFFLINE, ALWAYS = {"mode": "offline", "max_utilisation": 0.9}, {"peak_to_average": 2}


@pytest.mark.parametrize(
    ("millions", "request_", "small", "large", "small_on", "large_on"),
    [
        (10, (667, 667), 1.74, 1.15, (1, 192), (1, 153)),
        (100, (667, 667), 17.42, 11.49, (1, 192), (1, 153)),
        (100, (889, 222), 8.56, 5.42, (1, 192), (1, 153)),
        (1000, (667, 667), 174, 115, (3, 575), (3, 460)),
        (1000, (889, 222), 86, 54, (2, 383), (2, 307)),
    ],
)
def test_the_worked_bills_come_out(
    millions: int,
    request_: tuple[int, int],
    small: float,
    large: float,
    small_on: tuple[int, int],
    large_on: tuple[int, int],
):
    """gemma3:4b on a 3060 and gemma3:12b on a 4090, offline and always on, within 1 %."""
    cases = [
        ("RTX 3060 12GB", "gemma3:4b", 0.25, small, small_on),
        ("RTX 4090", "gemma3:12b", 0.2, large, large_on),
    ]
    for gpu, model, usd, offline_usd, (gpus, on_usd) in cases:
        work = {"input_share": None, "input_tokens": request_[0], "output_tokens": request_[1]}
        work |= {"tokens_per_month": millions * 10**6, "local": {"gpu": gpu, "model": model}}
        offline = answer(**work, rental=OFFLINE | {"usd_per_hour": usd})["local"]
        always = answer(**work, rental=ALWAYS | {"usd_per_hour": usd})["local"]

        assert offline["usd_per_month"] == pytest.approx(offline_usd, rel=0.012)
        assert always["usd_per_month"] == pytest.approx(on_usd, rel=0.01)
        assert always["gpus"] == gpus


def test_the_same_terms_through_the_front_door():
    """Measured speeds and a labour that needs two GPUs give the break-even computed by hand."""
    meeting = answer(local=MEASURED, rental={"labour_usd_per_month": 2000})["break_even"]

    assert meeting["gpus"] == 2
    assert meeting["tokens_per_month"] == pytest.approx((2 * 191.625 + 2000) / 8.75e-7, rel=1e-14)


def test_one_token_above_capacity_needs_a_further_gpu():
    """1,000 tokens a second at 60 % serve 1,576,800,000 a month, not one token more."""
    volumes = (1_576_800_000, 1_576_800_001, 3_153_600_000, 3_153_600_001)
    gpus = [answer(local=MEASURED, tokens_per_month=v)["local"]["gpus"] for v in volumes]

    assert gpus == [1, 2, 2, 3]
