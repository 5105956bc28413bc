"""Clore's marketplace listing as offers: US dollars for one GPU and hour, every trap seen to.

A listed price is for a day and for the whole server (docs.clore.ai, developers/cli-sdk: «set your
price per day»), without the renter's fee. Only the USD rail is read; BTC ones hold wild outliers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median_low, quantiles
from typing import Any

HOURS_IN_A_DAY = 24

# Believable US dollars for a GPU-hour by the beginning of its name; nothing else is shown. The 4090
# is the card whose price on Clore is known (0.14-0.42 in August 2026), so it witnesses the unit.
_WITNESS, _FEWEST_WITNESSES = "RTX 4090", 3
_BELIEVABLE = {_WITNESS: ("0.05", "2.00"), "RTX": ("0.01", "4.00"), "": ("0.05", "20.00")}
_FAR_BELOW, _FAR_ABOVE = Decimal("0.2"), 5  # times the median: not a market price

# Our names of cards and their gigabytes.
_GPUS = {
    "RTX 3060 12GB": 12, "RTX 3070 8GB": 8, "RTX 3080 10GB": 10, "RTX 3090": 24,
    "RTX 4060 Ti 16GB": 16, "RTX 4070 Ti SUPER": 16, "RTX 4080": 16, "RTX 4090": 24,
    "RTX 5080": 16, "RTX 5090": 32, "RTX A4000": 16, "RTX A5000": 24, "RTX A6000": 48,
    "A40": 48, "L4": 24, "L40S": 48, "A100 40GB": 40, "A100 80GB PCIe": 80, "A100 80GB SXM": 80,
    "H100 80GB PCIe": 80, "H100 80GB SXM": 80, "H200 141GB SXM": 141,
}  # fmt: skip
_WORD = re.compile(r"A\d{2,4}|H\d{3}|L\d+S?|\d+GB|HBM\dE?|SXM|[A-Z]+|\d+")
# Words that change nothing; any other word («Laptop», «D», «Ada») makes it another card.
_NOISE = {"NVIDIA", "GEFORCE", "QUADRO", "TESLA", "RTX", "LHR", "HBM2", "HBM2E", "HBM3E", "4", "5"}
_SOLD_IN_TWO_SIZES = ("RTX 4060 Ti", "A100")  # so the name alone does not say which
_LEAST_MEMORY, _MOST_MEMORY = Decimal("0.92"), Decimal("1.08")  # ECC takes 1/16 of a card
_NUMBER = re.compile(
    r"(?:^|[\sx])(\d{1,12}(?:\.\d{1,30})?(?:e[+-]?\d\d?)?)\s*(GB|TB|Mbps|)\s*$", re.I
)


class NoListing(ValueError):
    """The answer is no usable list of servers; the message ends a sentence on the page."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A free server with one kind of GPU. Prices are USD a GPU-hour; None is «not said»."""

    server: int
    gpu: str
    gpus: int
    on_demand_usd_per_hour: Decimal | None
    spot_usd_per_hour: Decimal | None
    reliability: Decimal | None
    down_mbps: Decimal | None
    pcie_width: Decimal | None
    ram_gb: Decimal | None
    disk_gb: Decimal | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What the marketplace offers, and how many servers were left out for which reason."""

    offers: tuple[Offer, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a server must have; the defaults keep mining rigs out. What is not said is not met."""

    reliability: Decimal = Decimal("0.9")
    down_mbps: Decimal = Decimal(100)
    pcie_width: Decimal = Decimal(4)
    pcie_width_of_many: Decimal = Decimal(8)
    ram_gb: Decimal = Decimal(0)
    disk_gb: Decimal = Decimal(15)

    def met_by(self, offer: Offer) -> bool:
        width = self.pcie_width if offer.gpus == 1 else self.pcie_width_of_many
        has = (offer.reliability, offer.down_mbps, offer.pcie_width, offer.ram_gb, offer.disk_gb)
        least = (self.reliability, self.down_mbps, width, self.ram_gb, self.disk_gb)
        return all(not b or (a is not None and a >= b) for a, b in zip(has, least, strict=True))


@dataclass(frozen=True, slots=True)
class Band:
    """The spread of a price over `count` servers, USD a GPU-hour."""

    p10: Decimal
    median: Decimal
    p90: Decimal
    count: int


def needs_of(model_gb: Decimal, engine: str) -> Needs:
    """What serving a model of that size takes; vLLM loads larger images over the network."""
    down = Decimal(500 if engine == "vllm" else 100)
    return Needs(down_mbps=down, ram_gb=model_gb * Decimal("1.2"), disk_gb=model_gb * 2 + 15)


def normalise_gpu(name: str, vram_gb: Decimal | None = None) -> str | None:
    """Our name of a card, None when it is none of ours or its memory is of another size."""
    for gpu, gigabytes in _GPUS.items():
        size = f"{gigabytes}GB"
        if vram_gb is not None and not _LEAST_MEMORY <= vram_gb / gigabytes <= _MOST_MEMORY:
            continue
        unsaid = vram_gb is None and gpu.startswith(_SOLD_IN_TWO_SIZES)
        if _words(name if unsaid else f"{name} {size}") == _words(f"{gpu} {size}"):
            return gpu
    return None


def read_listing(answer: object) -> Listing:
    """The offers of `GET /v1/marketplace`; NoListing when it is no list or its unit is not ours."""
    found = [_offer(server) for server in _servers(answer)]
    offers = [entry for entry in found if isinstance(entry, Offer)]
    witnesses = [price for o in offers if o.gpu == _WITNESS if (price := o.on_demand_usd_per_hour)]
    if len(witnesses) >= _FEWEST_WITNESSES and not _believed(_WITNESS, median_low(witnesses)):
        raise NoListing("its prices do not look like prices for a day and a whole server")
    believed = tuple(entry for offer in offers if (entry := _with_believed_prices(offer)))
    left_out = Counter(entry for entry in found if isinstance(entry, str))
    left_out["no believable price"] = len(offers) - len(believed)
    return Listing(believed, +left_out)


def price_bands(offers: Iterable[Offer], spot: bool = False) -> dict[str, Band]:
    """By GPU, each server counted once; points far from the median are left out."""
    prices: dict[str, list[Decimal]] = defaultdict(list)
    for offer in offers:
        price = offer.spot_usd_per_hour if spot else offer.on_demand_usd_per_hour
        if price is not None:
            prices[offer.gpu].append(price)
    return {gpu: _band(prices[gpu]) for gpu in sorted(prices)}


def _band(prices: list[Decimal]) -> Band:
    # The lower middle: who does not want to rent asks for absurdly much, nobody for too little.
    points = _near(prices, median_low(prices))
    cuts = quantiles(points if len(points) > 1 else points * 2, n=10, method="inclusive")
    return Band(cuts[0], cuts[4], cuts[8], len(points))


def _near(prices: Iterable[Decimal], middle: Decimal) -> list[Decimal]:
    return [p for p in prices if _FAR_BELOW * middle <= p <= _FAR_ABOVE * middle]


def _servers(answer: object) -> list[object]:
    told = answer if isinstance(answer, dict) else {}
    if code := told.get("code"):
        known = {3: "it asks for a key, which is not used here", 5: "it asks for fewer requests"}
        raise NoListing(known.get(code if isinstance(code, int) else 0, "it answered an error"))
    if not isinstance(servers := told.get("servers"), list):
        raise NoListing("its answer is no list of servers")
    return servers


def _offer(server: object) -> Offer | str:
    """The server as an offer with prices as listed, or why it is left out."""
    if not isinstance(server, dict) or (number := _number(server.get("id"))) is None:
        return "unreadable"
    if server.get("rented") is not False or not server.get("online", True):
        return "not free"  # rented, offline, or nothing said about it
    specs = _part(server, "specs")
    memory = _number(specs.get("gpuram"))
    memory = memory / 1024 if memory and memory > 1024 else memory  # some say megabytes
    names = _gpu_names(server.get("gpu_array"), str(specs.get("gpu") or ""))
    if not names:
        return "unclear GPUs"
    gpu, *others = {normalise_gpu(name, memory) for name in set(names)}
    if gpu is None or others:
        return "mixed GPUs" if others else "other GPU"
    on_demand, spot = _day_prices(_part(server, "price"))
    share = HOURS_IN_A_DAY * len(names)
    reliability = _number(server.get("reliability"))
    return Offer(
        server=int(number),
        gpu=gpu,
        gpus=len(names),
        on_demand_usd_per_hour=on_demand / share if on_demand else None,
        spot_usd_per_hour=spot / share if spot else None,
        reliability=reliability if reliability is None or reliability <= 1 else None,
        down_mbps=_number(_part(specs, "net").get("down")),
        pcie_width=_number(specs.get("pcie_width")),
        ram_gb=_number(specs.get("ram")),
        disk_gb=_number(specs.get("disk")),
    )


def _gpu_names(listed: object, text: str) -> list[str]:
    """One name a GPU; empty when the server says nothing, or two different counts."""
    names: list[str] = []
    waiting = [listed]
    while waiting:  # lists may stand within lists
        entry = waiting.pop()
        if isinstance(entry, list):
            waiting.extend(entry)
        elif isinstance(entry, str) and entry.strip():
            names.append(entry)
    if "mixed" in text.lower():
        return [*names, "mixed"]
    counted = re.fullmatch(r"\s*(\d{1,3})\s*x\s+(.+)", text, re.I)
    count, name = (int(counted[1]), counted[2]) if counted else (len(names) or 1, text)
    if names:
        return names if count == len(names) else []
    return [name] * count if name.strip() else []


def _day_prices(price: Mapping[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """USD a day for the whole server, on demand and spot; None or 0 when it does not say."""
    usd, rails = _part(price, "usd"), _part(price, "original_usd")
    dollar = next((_part(rails, coin) for coin in rails if coin.startswith("USD")), {})
    spots = [spot for coin in rails if (spot := _number(_part(rails, coin).get("spot")))]
    if own := _number(dollar.get("spot")):
        spots = _near(spots, own)
    on_demand = _number(usd.get("on_demand_usd")) or _number(dollar.get("on_demand"))
    # `usd.spot` is the host's floor and often 0, so the lowest believable rail comes first.
    return on_demand, min(spots, default=None) or _number(usd.get("spot"))


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: object) -> Decimal | None:
    """0 or more, also at the end of «x16», «850 Mbps», «Samsung SSD 980 1.2TB» (as GB); or None."""
    found = _NUMBER.search(str(value)[-60:])
    return Decimal(found[1]) * (1000 if found[2].lower() == "tb" else 1) if found else None


def _believed(gpu: str, price: Decimal | None) -> Decimal | None:
    low, high = next(limits for start, limits in _BELIEVABLE.items() if gpu.startswith(start))
    return price if price is not None and Decimal(low) <= price <= Decimal(high) else None


def _with_believed_prices(offer: Offer) -> Offer | None:
    on_demand = _believed(offer.gpu, offer.on_demand_usd_per_hour)
    spot = _believed(offer.gpu, offer.spot_usd_per_hour)
    priced = replace(offer, on_demand_usd_per_hour=on_demand, spot_usd_per_hour=spot)
    return priced if on_demand or spot else None


def _words(name: str) -> set[str]:
    words = set(_WORD.findall(re.sub(r"(\d) +GB", r"\1GB", name.upper()))) - _NOISE
    if "HBM3" in words:  # only the SXM form has it, and NVIDIA's driver does not say SXM
        words = words - {"HBM3"} | {"SXM"}
    one_form = "H200" in words or {"A100", "40GB"} <= words
    return words - {"SXM", "PCIE"} if one_form else words
