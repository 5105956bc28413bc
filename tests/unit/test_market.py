"""Offers out of Clore's listing: prices a GPU-hour in dollars, and no trap gets through."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.market import (
    NoListing,
    Offer,
    normalise_gpu,
    read_listing,
)
from tests.fakes import clore

OFFER = Offer(
    1, "RTX 4090", 1, Decimal("0.20"), None,
    Decimal("0.98"), Decimal(850), Decimal(16), Decimal(64), Decimal(100),
)  # fmt: skip


def offer_of(server: clore.Server) -> Offer:
    [offer] = read_listing({"code": 0, "servers": [server]}).offers
    return offer


def priced(*prices: str) -> list[Offer]:
    return [replace(OFFER, on_demand_usd_per_hour=Decimal(price)) for price in prices]


def test_a_day_price_of_a_server_becomes_a_gpu_hour():
    """$24 a day for four cards is $0.25 for one card and hour."""
    offer = offer_of(clore.server(1, 3060, gpus=4, day_usd=24.0))

    assert (offer.gpu, offer.gpus) == ("RTX 3060 12GB", 4)
    assert offer.on_demand_usd_per_hour == Decimal("0.25")


@pytest.mark.parametrize(
    ("reason", "server"),
    [(reason, server) for reason, servers in clore.LEFT_OUT.items() for server in servers],
)
def test_traps_are_left_out_and_counted(reason: str, server: object):
    """Whatever cannot be rented, read or believed is no offer, and is counted with its reason."""
    listing = read_listing({"code": 0, "servers": [server, clore.server(1)]})

    assert [offer.server for offer in listing.offers] == [1]
    assert listing.left_out == {reason: 1}


def test_nested_cards_are_counted():
    """A list within the list of cards counts like a plain one."""
    nested = [["NVIDIA GeForce RTX 3090"], [["NVIDIA GeForce RTX 3090"]]]
    offer = offer_of(
        clore.server(1, 3090, gpu_array=nested, specs=clore.specs("2x RTX 3090"), day_usd=9.6)
    )

    assert (offer.gpus, offer.on_demand_usd_per_hour) == (2, Decimal("0.2"))


def test_cards_are_counted_by_the_text_when_there_is_no_list():
    """«2x NVIDIA GeForce RTX 4090» is two cards."""
    specs = clore.specs("2x NVIDIA GeForce RTX 4090")
    offer = offer_of(clore.server(1, gpu_array=None, specs=specs, day_usd=9.6))

    assert (offer.gpus, offer.on_demand_usd_per_hour) == (2, Decimal("0.2"))


def test_only_the_dollar_rail_is_believed():
    """A wild bitcoin rail changes neither price; the spot is the lowest believable rail's."""
    offer = offer_of(clore.odd_rails())

    assert offer.on_demand_usd_per_hour == Decimal("0.2")
    assert offer.spot_usd_per_hour == Decimal("0.1")


def test_a_spot_of_zero_is_no_price():
    """A spot floor of 0 is unknown, not free of charge."""
    assert offer_of(clore.server(1)).spot_usd_per_hour is None


def test_a_plain_spot_counts_when_no_rail_has_one():
    """Without the originals the plain spot field is the price."""
    price = {"usd": {"on_demand_usd": 4.8, "spot": 2.4}}

    assert offer_of(clore.server(1, price=price)).spot_usd_per_hour == Decimal("0.1")


def test_the_dollar_rail_may_stand_among_the_originals_only():
    """Without the plain dollar price the original dollar price is taken, never a bitcoin one."""
    rails = {"bitcoin": {"on_demand": 9.6}, "USD-Blockchain": {"on_demand": 4.8}}
    price = {"usd": {"on_demand_btc": 9.6}, "original_usd": rails}

    assert offer_of(clore.server(1, price=price)).on_demand_usd_per_hour == Decimal("0.2")


def test_a_reliability_above_one_is_unknown():
    """A reliability is a share; «50» may be per cent and must not pass for fifty times sure."""
    assert offer_of(clore.server(1, reliability=50)).reliability is None


def test_numbers_may_be_texts():
    """Texts hold numbers too: prices, memory, link and network."""
    offer = offer_of(clore.in_texts())

    assert offer.on_demand_usd_per_hour == Decimal("0.25")
    assert (offer.ram_gb, offer.pcie_width, offer.down_mbps) == (64, 16, Decimal("850.5"))
    assert offer.reliability == Decimal("0.97")


def test_missing_fields_are_unknown():
    """What a server does not say is None, never 0."""
    offer = offer_of(clore.bare())

    assert offer.on_demand_usd_per_hour == Decimal("0.21")
    assert {offer.reliability, offer.down_mbps, offer.pcie_width, offer.ram_gb} == {None}
    assert offer.disk_gb is None


@pytest.mark.parametrize(
    ("disk", "gigabytes"),
    [("Samsung SSD 980 97.57GB", "97.57"), ("NVMe 1.2TB", "1200"), (512, "512"), ("big", None)],
)
def test_disks_are_read_to_the_end(disk: object, gigabytes: str | None):
    """The size of a disk stands at the end of its name."""
    specs = clore.specs("1x NVIDIA GeForce RTX 4090", disk=disk)
    size = offer_of(clore.server(1, specs=specs)).disk_gb

    assert size == (Decimal(gigabytes) if gigabytes else None)


def test_megabytes_of_memory_are_understood():
    """A 4090 that says 24,564 has 24 GB, not 24 TB."""
    specs = clore.specs("1x NVIDIA GeForce RTX 4090", gpuram=24564)

    assert offer_of(clore.server(1, specs=specs)).gpu == "RTX 4090"


def test_a_changed_unit_refuses_the_whole_listing():
    """When 4090s no longer cost what a 4090 can cost, no price of that listing is shown."""
    hourly = [clore.server(n, day_usd=0.2) for n in range(3)]
    other = clore.server(9, 3060, day_usd=6.0)

    with pytest.raises(NoListing):
        read_listing({"code": 0, "servers": [*hourly, other]})


@pytest.mark.parametrize(
    "answer",
    [None, [], "x", 5, {}, {"code": 0}, {"code": 0, "servers": {}}, {"code": {}, "servers": 1}],
)
def test_nonsense_is_no_listing(answer: object):
    """Anything but an object with a list of servers is refused in one way."""
    with pytest.raises(NoListing):
        read_listing(answer)


@pytest.mark.parametrize(("code", "said"), [(3, "key"), (5, "fewer"), (1, "error"), ("6", "error")])
def test_error_codes_are_told(code: object, said: str):
    """The marketplace's own error codes become words."""
    with pytest.raises(NoListing, match=said):
        read_listing({"code": code, "servers": [], "error": "secret"})


@pytest.mark.parametrize(
    ("name", "vram", "ours"),
    [
        ("NVIDIA GeForce RTX 3060", None, "RTX 3060 12GB"),
        ("NVIDIA GeForce RTX 3060", 8, None),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 6, None),
        ("NVIDIA GeForce RTX 3070", 8, "RTX 3070 8GB"),
        ("NVIDIA GeForce RTX 3070 Ti", 8, None),
        ("NVIDIA GeForce RTX 3080", 10, "RTX 3080 10GB"),
        ("NVIDIA GeForce RTX 3080", 12, None),
        ("RTX 3080 12GB", None, None),
        ("NVIDIA GeForce RTX 3090 Ti", 24, None),
        ("NVIDIA GeForce RTX 4060 Ti", None, None),
        ("NVIDIA GeForce RTX 4060 Ti", 16, "RTX 4060 Ti 16GB"),
        ("NVIDIA GeForce RTX 4060 Ti", 8, None),
        ("rtx 4060ti 16 GB", None, "RTX 4060 Ti 16GB"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 16, "RTX 4070 Ti SUPER"),
        ("NVIDIA GeForce RTX 4070 Ti", 12, None),
        ("NVIDIA GeForce RTX 4080 SUPER", 16, None),
        ("RTX4090", None, "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", 23.99, "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", 48, None),
        ("NVIDIA GeForce RTX 4090 D", 24, None),
        ("NVIDIA GeForce RTX 5080", 16, "RTX 5080"),
        ("NVIDIA GeForce RTX 5090", 31.8, "RTX 5090"),
        ("NVIDIA RTX A4000", 16, "RTX A4000"),
        ("NVIDIA RTX 4000 Ada Generation", 20, None),
        ("NVIDIA RTX A5000", 24, "RTX A5000"),
        ("NVIDIA RTX A6000", 47.99, "RTX A6000"),
        ("NVIDIA RTX 6000 Ada Generation", 48, None),
        ("NVIDIA A40", 45, "A40"),
        ("NVIDIA L4", 22.5, "L4"),
        ("NVIDIA L40", 48, None),
        ("NVIDIA L40S", 45, "L40S"),
        ("NVIDIA A100-SXM4-40GB", None, "A100 40GB"),
        ("NVIDIA A100-PCIE-40GB", 40, "A100 40GB"),
        ("NVIDIA A100 80GB PCIe", 80, "A100 80GB PCIe"),
        ("NVIDIA A100-SXM4-80GB", 79.6, "A100 80GB SXM"),
        ("NVIDIA A100", None, None),
        ("NVIDIA A100", 40, "A100 40GB"),
        ("NVIDIA A100", 80, None),
        ("NVIDIA H100 PCIe", 80, "H100 80GB PCIe"),
        ("NVIDIA H100 80GB HBM3", None, "H100 80GB SXM"),
        ("NVIDIA H100 SXM5", 80, "H100 80GB SXM"),
        ("NVIDIA H100 NVL", 94, None),
        ("NVIDIA H200", 140.4, "H200 141GB SXM"),
        ("NVIDIA H200 NVL", 141, None),
        ("", None, None),
        ("NVIDIA GeForce GTX 1080 Ti", 11, None),
    ],
)
def test_cards_get_our_names(name: str, vram: float | None, ours: str | None):
    """A card is one of ours by its exact model and memory, never by a part of its name."""
    assert normalise_gpu(name, None if vram is None else Decimal(str(vram))) == ours


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
)


@given(st.sampled_from(sorted(clore.server(1))), JSON, JSON)
def test_any_field_may_be_anything(field: str, value: object, inner: object):
    """Whatever JSON stands in a field, the listing is read, and the good server stays."""
    specs = {**clore.specs("1x NVIDIA GeForce RTX 4090"), "net": inner, "gpuram": inner}
    odd = [clore.server(1, **{field: value}), clore.server(2, specs=specs), inner]
    listing = read_listing({"code": 0, "servers": [*odd, clore.server(3)]})

    assert listing.offers[-1].server == 3
    assert len(listing.offers) + sum(listing.left_out.values()) == 4
