"""What a machine must have to serve a model, and what such machines cost."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.core.market import Needs, needs_of, price_bands
from tests.fakes import clore
from tests.unit.test_market import OFFER, offer_of, priced


def test_a_mining_rig_does_not_serve():
    """Two cards behind one PCIe lane, 15 GB of memory and 5 Mbps are no offer for a model."""
    offer = offer_of(clore.rig())

    assert not Needs().met_by(offer)
    assert Needs(Decimal(0), Decimal(0), Decimal(0), Decimal(0), disk_gb=Decimal(0)).met_by(offer)


@pytest.mark.parametrize(
    ("field", "enough", "short"),
    [
        ("reliability", "0.9", "0.89"), ("down_mbps", "100", "99"), ("pcie_width", "4", "2"),
        ("ram_gb", "20.4", "20"), ("disk_gb", "49", "48"),
    ],
)  # fmt: skip
def test_each_need_is_asked(field: str, enough: str, short: str):
    """One value below its need, or unknown, is enough to be left out."""
    needs = needs_of(Decimal(17), "ollama")

    assert needs.met_by(replace(OFFER, **{field: Decimal(enough)}))
    assert not needs.met_by(replace(OFFER, **{field: Decimal(short)}))
    assert not needs.met_by(replace(OFFER, **{field: None}))


def test_many_cards_need_a_wider_link():
    """Four lanes do for one card, not for two."""
    narrow = replace(OFFER, pcie_width=Decimal(4))

    assert Needs().met_by(narrow)
    assert not Needs().met_by(replace(narrow, gpus=2))


def test_vllm_needs_more_network():
    """A vLLM image is large: 100 Mbps serve Ollama, not vLLM."""
    slow = replace(OFFER, down_mbps=Decimal(100))

    assert needs_of(Decimal(3), "ollama").met_by(slow)
    assert not needs_of(Decimal(3), "vllm").met_by(slow)


def test_bands_are_percentiles_by_card():
    """Eleven servers from 0.10 to 0.20: the tenth, the middle and the ninetieth per cent."""
    prices = [f"{n / 100}" for n in range(10, 21)]
    bands = price_bands([*priced(*prices), replace(OFFER, gpu="L4")])
    band = bands["RTX 4090"]

    assert (band.p10, band.median, band.p90) == (Decimal("0.11"), Decimal("0.15"), Decimal("0.19"))
    assert band.count == 11
    assert bands["L4"].count == 1


def test_one_offer_is_its_own_band():
    """A single price is its own median and both its ends."""
    [band] = price_bands(priced("0.2")).values()

    assert band.p10 == band.median == band.p90 == Decimal("0.2")
    assert band.count == 1


def test_outliers_are_no_market_price():
    """Points beyond five times or below a fifth of the median do not move the band."""
    [band] = price_bands(priced("0.01", "0.19", "0.20", "0.21", "1.90")).values()

    assert (band.median, band.count) == (Decimal("0.20"), 3)


def test_of_two_far_apart_the_cheaper_is_the_market():
    """Nobody rents at ten times the price, so the dear one is the odd one."""
    [band] = price_bands(priced("0.2", "1.9")).values()

    assert (band.median, band.count) == (Decimal("0.2"), 1)


def test_spot_has_its_own_band():
    """Spot prices make a band of their own, over the servers that have one."""
    offers = [OFFER, replace(OFFER, spot_usd_per_hour=Decimal("0.1"))]

    assert price_bands(offers)["RTX 4090"].count == 2
    assert price_bands(offers, spot=True)["RTX 4090"].median == Decimal("0.1")
    assert price_bands([OFFER], spot=True) == {}
