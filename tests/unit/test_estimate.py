"""The estimate: hand-computed bills, the contract's nulls, and a series that agrees with itself."""

import json
from datetime import date
from typing import Any

import pytest

from lib.core.errors import BadInput
from lib.core.estimate import as_answer, estimate
from lib.core.estimate_input import parse
from lib.store import catalogue, estimate_tables

TODAY = date(2026, 11, 22)
MEASURED = {"decode_tok_s": 1000, "prefill_tok_s": 1000}


def body(**changes: Any) -> dict[str, Any]:
    """The contract's example; `api`, `local` and `rental` change in parts, None leaves out."""
    api = {"model": "gemini/gemini-3.1-flash-lite"}
    local = {"model": "gemma3:4b", "engine": "ollama", "gpu": "RTX 3060 12GB"}
    rental = {"mode": "always_on", "usd_per_hour": 0.25}
    whole: dict[str, Any] = {"tokens_per_month": 100_000_000, "input_share": 0.5}
    whole |= {"input_tokens": 500, "output_tokens": 500}
    whole |= {"api": api, "local": local, "rental": rental}
    for name, value in changes.items():
        whole[name] = whole.get(name, {}) | value if isinstance(value, dict) else value
    return {name: value for name, value in whole.items() if value is not None}


def answer_to(whole: object, on: date = TODAY) -> dict[str, Any]:
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    return as_answer(estimate(parse(whole), gpus, models, catalogue.prices(), on))


def answer(on: date = TODAY, **changes: Any) -> dict[str, Any]:
    return answer_to(body(**changes), on)


def api_usd(on: date = TODAY, **changes: Any) -> float:
    return answer(on, **changes)["api"]["usd_per_month"]


def test_the_example_of_the_contract():
    """The guide's own case: the API costs less until 219 M tokens a month."""
    found = answer()

    assert found["api"] == {
        "usd_per_month": 87.5,
        "usd_per_mtok": 0.875,
        "price_source": "https://ai.google.dev/gemini-api/docs/pricing",
        "price_date": "2026-11-22",
    }
    assert found["local"]["usd_per_month"] == 191.625
    assert found["local"]["usd_per_mtok"] == 1.91625
    assert found["local"]["gpus"] == 1
    assert found["break_even"]["state"] == "reached"
    assert found["break_even"]["tokens_per_month"] == 219_000_000
    assert found["break_even"]["gpus"] == 1
    assert found["required_tok_s"] == pytest.approx(0.2625 / 0.875 * 1e6 / 3600, rel=1e-15)


def test_the_answer_has_exactly_the_fields_of_the_contract():
    """Every object of the answer has the published fields, and JSON can write all of it."""
    found = answer()
    speed = {"value", "low", "high", "source"}

    assert set(found) == {"api", "local", "break_even", "required_tok_s", "series"}
    assert set(found["api"]) == {"usd_per_month", "usd_per_mtok", "price_source", "price_date"}
    assert set(found["local"]) == {
        "fits", "gpus", "usd_per_month", "usd_per_mtok", "utilisation", "hours_needed",
        "max_concurrency", "decode_tok_s", "prefill_tok_s", "capacity_tokens_per_month", "warnings",
    }  # fmt: skip
    assert set(found["local"]["decode_tok_s"]) == set(found["local"]["prefill_tok_s"]) == speed
    assert set(found["break_even"]) == {"state", "tokens_per_month", "gpus", "reason"}
    assert set(found["series"][0]) == {"tokens_per_month", "api_usd", "local_usd", "gpus"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("changes", "usd"),
    [
        ({}, 87.5),
        ({"api": {"model": "gemini-3.1-flash-lite"}}, 87.5),
        ({"input_share": 0.8}, 50.0),
        ({"input_share": 1}, 25.0),
        ({"input_share": 0}, 150.0),
        ({"input_share": None, "output_tokens": 125}, 50.0),
        ({"input_share": 0.5, "output_tokens": 7}, 87.5),
        ({"tokens_per_month": None, "requests_per_month": 100_000, "input_share": 0.9}, 87.5),
        ({"api": {"tier": "flex"}}, 43.75),
        ({"api": {"tier": "priority"}}, 157.5),
        ({"api": {"batch_share": 1}}, 43.75),
        ({"api": {"batch_share": 1, "tier": "priority"}}, 43.75),
        ({"api": {"batch_share": 0.5, "tier": "priority"}}, 100.625),
        ({"api": {"cached_share": 1}}, 76.25),
        ({"api": {"cached_share": 0.4, "tier": "priority"}}, 157.5 - 20 * 0.405),
        ({"api": {"cached_share": 1, "batch_share": 1}}, 38.125),
        ({"api": {"retry_share": 0.1}}, 96.25),
        ({"images_per_request": 1}, 87.5 + 28),
        ({"images_per_request": 0.5, "api": {"cached_share": 1}}, 76.25 + 14),
        ({"images_per_request": 1, "api": {"batch_share": 1}}, (87.5 + 28) / 2),
        ({"api": {"model": "gemini/gemini-3.5-flash-lite"}}, 140.0),
        # Its batched cache is 0.02, not half of 0.03.
        (
            {
                "api": {
                    "model": "gemini/gemini-3.5-flash-lite",
                    "cached_share": 1,
                    "batch_share": 1,
                }
            },
            63.5,
        ),
    ],
)
def test_the_api_bill_is_exact(changes: dict[str, Any], usd: float):
    """Tiers, batches, cached input, retries and pictures cost what the price page says."""
    assert api_usd(**changes) == pytest.approx(usd, rel=1e-15)


def test_the_price_is_that_of_the_day():
    """A price that ends with the year is the new one on 1 January."""
    model = {"api": {"model": "gemini/gemini-3.6-flash"}}

    assert api_usd(TODAY, **model) == 225
    assert api_usd(date(2027, 1, 1), **model) == 450


def test_a_batched_bill_has_the_older_date_of_its_prices():
    """The date of a bill is the day its least recently compared price was compared."""
    assert answer(api={"batch_share": 0.1})["api"]["price_date"] == "2026-10-14"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"api": {"model": "gemini/gemini-none"}}, "api.model"),
        ({"api": {"model": "gemini/gemini-3.6-flash", "tier": "flex"}}, "api.tier"),
        ({"local": {"model": "gemma3"}}, "local.model"),
        ({"local": {"gpu": "RTX 9090"}}, "local.gpu"),
        ({"on": date(2026, 10, 13), "api": {"batch_share": 0.5}}, "api.batch_share"),
    ],
)
def test_unknown_names_and_prices_are_bad_input(changes: dict[str, Any], field: str):
    """What no table knows is refused by the field's name, never priced as a neighbour."""
    with pytest.raises(BadInput, match=rf"^{field}: "):
        answer(**changes)


def test_measured_speeds_are_used_as_given():
    """Given both speeds, every figure of the GPU follows by hand: 1,000 tokens a second."""
    local = answer(local=MEASURED)["local"]

    assert local["capacity_tokens_per_month"] == 2_628_000_000
    assert local["utilisation"] == pytest.approx(100 / 2628)
    assert local["hours_needed"] == pytest.approx(1e8 / 3.6e6 / 0.6, rel=1e-15)
    assert local["decode_tok_s"] == {"value": 1000, "low": 1000, "high": 1000, "source": "measured"}


def test_one_measured_speed_leaves_the_other_modelled():
    """A measured decode speed says nothing about prefill, and neither about the memory."""
    both, one = answer()["local"], answer(local={"decode_tok_s": 5})["local"]

    assert one["prefill_tok_s"] == both["prefill_tok_s"]
    assert one["decode_tok_s"]["source"] == "measured"
    assert one["max_concurrency"] == both["max_concurrency"]


def test_pictures_take_time_but_are_no_tokens():
    """A request of 500 + 500 tokens with 4 pictures takes 2.024 s at 1,000 tokens a second."""
    local = answer(local=MEASURED, images_per_request=4)["local"]

    assert local["capacity_tokens_per_month"] == pytest.approx(1000 / 2.024 * 3600 * 730, rel=1e-14)


@pytest.mark.parametrize("gpus", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("peak", [1, 2, 3.7])
@pytest.mark.parametrize("utilisation", [0.6, 0.1, 0.7, 1])
def test_a_volume_exactly_at_capacity_needs_no_further_gpu(
    gpus: int, peak: float, utilisation: float
):
    """The volume a caller computes from the answer itself is served, a thousandth more is not."""
    rental = {"peak_to_average": peak, "max_utilisation": utilisation}
    usable = answer(rental=rental)["local"]["capacity_tokens_per_month"] * utilisation / peak
    exact = answer(rental=rental, tokens_per_month=gpus * usable)
    above = answer(rental=rental, tokens_per_month=gpus * usable * 1.001)

    assert exact["local"]["gpus"] == gpus
    assert above["local"]["gpus"] > gpus


@pytest.mark.parametrize("changes", [{"local": {"model": "gemma3:27b"}}, {"input_tokens": 10**9}])
def test_what_does_not_fit_has_no_bill(changes: dict[str, Any]):
    """Weights or a request too large: the reason, nulls, and the API's side all the same."""
    found = answer(**changes)
    local = found["local"]
    nulls = {"gpus", "usd_per_month", "usd_per_mtok", "utilisation", "hours_needed"}

    assert local["fits"] is False
    assert "does not fit" in local["warnings"][0]
    assert {name for name, value in local.items() if value is None} == nulls | {
        "capacity_tokens_per_month"
    }
    assert {point["local_usd"] for point in found["series"]} == {None}
    assert found["break_even"]["state"] == "not_reached"
    assert found["break_even"]["tokens_per_month"] is found["break_even"]["gpus"] is None
    assert found["api"]["usd_per_month"] == 87.5
    assert found["local"]["max_concurrency"] == 0


def test_a_month_without_work():
    """At volume 0 one GPU is rented, it idles, and a token has no price."""
    found = answer(tokens_per_month=0)

    assert found["local"]["gpus"] == 1
    assert found["local"]["usd_per_month"] == 191.625
    assert found["local"]["usd_per_mtok"] is None
    assert found["local"]["utilisation"] == found["local"]["hours_needed"] == 0
    assert found["api"]["usd_per_month"] == 0
    assert found["break_even"] == answer()["break_even"]


@pytest.mark.parametrize("volume", [0, 1, 7, 1234, 100_000_000, 999_999_999_999, 10**15])
@pytest.mark.parametrize("mode", ["always_on", "spot"])
def test_every_point_of_the_series_is_the_answer_at_its_volume(volume: int, mode: str):
    """The series has at least 20 rising whole volumes, the asked one, and no other sums."""
    rental = {"mode": mode, "cold_start_hours": 0.3, "minimum_hours": 6, "peak_to_average": 2}
    series = answer(tokens_per_month=volume, rental=rental)["series"]
    volumes = [point["tokens_per_month"] for point in series]

    assert len(volumes) >= 20
    assert volumes == sorted(set(volumes))
    assert volume in volumes
    for point in series:
        alone = answer(tokens_per_month=point["tokens_per_month"], rental=rental)
        assert point["api_usd"] == alone["api"]["usd_per_month"]
        assert point["local_usd"] == alone["local"]["usd_per_month"]
        assert point["gpus"] == alone["local"]["gpus"]


def test_results_too_large_to_write_are_bad_input():
    """A bill beyond JSON's numbers is refused instead of written as Infinity."""
    with pytest.raises(BadInput, match="too large"):
        answer(tokens_per_month=10**15, input_tokens=5e-324, images_per_request=10**15)
