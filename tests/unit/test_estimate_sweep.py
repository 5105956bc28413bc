"""The ranking over all cards and the tornado: the same sums as the estimate, and fast."""

import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from lib.core.estimate import estimate
from lib.core.estimate_input import parse
from lib.core.sensitivity import sensitivity
from lib.core.sweep import sweep, typical_rents
from lib.store import catalogue
from lib.store.estimate_tables import gpus, local_models
from tests.unit.test_estimate import MEASURED, TODAY, body

VOLUMES = [round(10 ** (6 + n / 40)) for n in range(200)]


def assumed(**changes):
    return parse(body(**changes))


def swept(**changes):
    return sweep(assumed(**changes), gpus(), local_models(), typical_rents(gpus()), VOLUMES)


@pytest.mark.parametrize("mode", ["always_on", "window", "offline", "spot"])
def test_a_row_is_the_estimate_of_its_machine(mode: str):
    """Every candidate's bill, GPUs and utilisation are those of its own estimate."""
    rental = {"mode": mode, "minimum_hours": 6, "cold_start_hours": 0.2, "peak_to_average": 2}
    given, found = assumed(rental=rental), swept(rental=rental)
    for row in range(0, len(found.candidates), 11):
        candidate, column = found.candidates[row], (row * 7) % len(VOLUMES)
        if candidate.usd_per_hour is None:
            assert np.isnan(found.usd[row]).all()
            continue
        work = replace(given.work, tokens_per_month=Decimal(VOLUMES[column]))
        rent = replace(given.rental, usd_per_hour=candidate.usd_per_hour)
        own = replace(given, work=work, rental=rent, local=candidate.machine)
        alone = estimate(own, gpus(), local_models(), catalogue.prices(), TODAY)

        assert candidate.fits is alone.speeds.fits
        if alone.offer is None or alone.now.local_usd is None:
            assert np.isnan(found.usd[row]).all()
            continue
        assert found.usd[row, column] == pytest.approx(float(alone.now.local_usd), rel=1e-12)
        assert found.gpus[row, column] == alone.now.gpus
        busy = float(alone.offer.utilisation(work.tokens_per_month))
        assert found.utilisation[row, column] == pytest.approx(busy, rel=1e-12)


def test_the_ranking_is_by_price():
    """The cheapest machine that can do the work comes first; those without a rent are left out."""
    found = swept(local={"concurrency": 8})
    order = found.ranking(150)

    assert [found.usd[row, 150] for row in order] == sorted(found.usd[row, 150] for row in order)
    assert {found.candidates[row].offer is None for row in order} == {False}
    assert len(order) == sum(one.offer is not None for one in found.candidates)
    assert "RTX 4080" not in {found.candidates[row].machine.gpu for row in order}


def test_measured_speeds_count_for_the_assumed_machine_only():
    """Somebody's own tokens a second say nothing about another card."""
    candidates = swept(local=MEASURED).candidates
    measured = [one.machine for one in candidates if one.machine.decode_tok_s is not None]

    assert [(one.gpu, one.model, one.engine) for one in measured] == [
        ("RTX 3060 12GB", "gemma3:4b", "ollama")
    ]


def test_all_pairs_over_200_volumes_take_little_time():
    """528 pairs × 200 volumes are done in under 200 ms of processor time."""
    swept()
    start = time.process_time()
    found = swept()
    spent = time.process_time() - start

    assert found.usd.shape == (len(gpus()) * len(local_models()) * 2, 200)
    assert spent < 0.2


def changes(**given):
    tables = gpus(), local_models(), catalogue.prices()
    return {one.name: one for one in sensitivity(assumed(**given), *tables, TODAY)}


def test_the_tornado_is_ordered_and_tells():
    """Widest swing first, and nothing that changes neither bill."""
    found = list(changes().values())
    swings = [one.swing_usd for one in found]

    assert swings == sorted(swings, reverse=True)
    assert all(swing > 0 for swing in swings)


def test_each_input_changes_its_own_bill():
    """The rent changes the local bill, the batch share the API's, the volume both."""
    found = changes(tokens_per_month=2_000_000_000, rental={"mode": "offline"})

    assert found["rental.usd_per_hour"].api_change_usd == 0
    assert found["rental.usd_per_hour"].local_change_usd > 0
    assert found["api.batch_share"].local_change_usd == 0
    assert found["api.batch_share"].api_change_usd == -875
    assert found["tokens_per_month"].api_change_usd == 2625
    assert found["local.decode_tok_s"].local_change_usd < 0
    assert found["rental.max_utilisation"].local_change_usd < 0


def test_a_measured_speed_has_no_band_to_vary():
    """With both speeds measured the tornado has no bar for them."""
    assert "local.decode_tok_s" not in changes(local=MEASURED)


def test_what_does_not_fit_still_has_an_api_side():
    """The tornado of a model that does not fit shows the API's bill alone."""
    found = changes(local={"model": "gemma3:27b"})

    assert found["api.retry_share"].api_change_usd > 0
    assert {one.local_change_usd for one in found.values()} == {None}


def test_unknown_batch_prices_are_not_varied():
    """On a day whose batch price nobody knows the tornado has no bar for it."""
    tables = gpus(), local_models(), catalogue.prices()
    found = sensitivity(assumed(), *tables, date(2026, 10, 1))

    assert "api.batch_share" not in {one.name for one in found}
