"""Live prices are fetched once for everybody, kept for a while, and never break a page."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lib.core.market import Needs
from lib.work.marketplace import KEPT_FAILED_S, KEPT_S, MAX_BYTES, Marketplace
from tests.fakes.clore import PATH, FakeClore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = NOON.timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clore() -> Iterator[FakeClore]:
    with FakeClore() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def market(clore: FakeClore, clock: Clock) -> Marketplace:
    return Marketplace(clore.url, clock)


def test_live_prices_of_a_listing_full_of_traps(market: Marketplace):
    """Out of a listing with every trap come the prices a person would find by hand."""
    answer = market.read()
    prices = answer.prices()

    assert answer.live
    assert answer.seen == NOON
    assert set(prices) == {"RTX 3060 12GB", "RTX 4090", "RTX 5090"}
    assert prices["RTX 3060 12GB"].median == Decimal("0.25")
    assert prices["RTX 4090"].count == 12
    assert Decimal("0.20") < prices["RTX 4090"].median < Decimal("0.25")
    assert answer.prices(spot=True)["RTX 4090"].median == Decimal("0.1")


def test_rigs_are_offers_only_to_who_asks_for_them(market: Marketplace):
    """Without needs every readable server counts, the rig and those that say little included."""
    nothing = Needs(*[Decimal(0)] * 6)

    assert "RTX 3080 10GB" in market.read().prices(nothing)


def test_the_note_tells_counts_and_fee(market: Marketplace):
    """The page can say how many servers stand behind the prices, and that a fee comes on top."""
    answer = market.read()

    assert answer.note == "19 free servers, 24 left out; without the renter's fee."
    assert sum(answer.left_out.values()) == 24


def test_it_only_reads_and_says_who_it_is(market: Marketplace, clore: FakeClore):
    """One GET of the public listing, without a key, with a name the front door lets in."""
    market.read()
    [asked] = clore.asked

    assert asked["path"] == PATH
    assert "auth" not in asked
    assert not asked["user-agent"].startswith("python")


@pytest.mark.parametrize("ending", ["/", "/v1", "/v1/"])
def test_the_root_may_be_written_as_the_documentation_does(clore: FakeClore, ending: str):
    """CLORE_API_URL may end in a slash or in /v1."""
    assert Marketplace(clore.url + ending).read().live


def test_prices_are_kept(market: Marketplace, clore: FakeClore, clock: Clock):
    """Within the time it is kept nobody asks again; after it, one does."""
    first = market.read()
    clock.seconds += KEPT_S - 1
    second = market.read()
    asked = len(clore.asked)
    clock.seconds += 2
    third = market.read()

    assert KEPT_S >= 60
    assert second is first
    assert asked == 1
    assert third.live
    assert len(clore.asked) == 2


def test_failures_are_kept_shorter(market: Marketplace, clore: FakeClore, clock: Clock):
    """A failure is remembered too, so that a page does not knock at every click."""
    clore.status = 503
    first = market.read()
    clock.seconds += KEPT_FAILED_S - 1
    second = market.read()
    asked = len(clore.asked)
    clore.status = 200
    clock.seconds += 2
    third = market.read()

    assert KEPT_FAILED_S < KEPT_S
    assert second is first
    assert asked == 1
    assert (first.live, third.live) == (False, True)


def test_a_clock_set_back_does_not_keep_prices_forever(market: Marketplace, clock: Clock):
    """When the clock jumps back, prices from the future are not trusted."""
    first = market.read()
    clock.seconds -= 3600

    assert market.read() is not first


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (500, b"oops", "status 500"),
        (403, b"error code: 1010", "status 403"),
        (301, b"", "status 301"),
        (200, b"<html>maintenance</html>", "no JSON"),
        (200, b"", "no JSON"),
        (200, b"\xff\xfe", "no JSON"),
        (200, b"[" * 100_000, "no JSON"),
        (200, b'{"code": 0, "servers": [' + b"9" * 5000 + b"]}", "no JSON"),
        (200, b"\x1f\x8b\x08\x00", "no JSON"),
        (200, [], "no list"),
        (200, {"code": 0, "servers": {}}, "no list"),
        (200, {"code": 0, "servers": []}, "no free server"),
        (200, {"code": 0, "servers": [{}, None]}, "no free server"),
        (200, {"code": 3}, "key"),
        (200, {"code": 5}, "fewer"),
        (200, b" " * (MAX_BYTES + 1), "32 MB"),
    ],
)
def test_nonsense_is_told_not_raised(
    market: Marketplace, clore: FakeClore, status: int, answer: object, said: str
):
    """Whatever comes back, the answer is a value without offers that says what was wrong."""
    clore.status, clore.answer = status, answer
    read = market.read()

    assert not read.live
    assert read.offers == ()
    assert read.prices() == {}
    assert said in read.note


def test_offline_is_told_not_raised(dead_address: str):
    """Nobody listens: no live prices, and a sentence that says so without an address in it."""
    read = Marketplace(f"http://{dead_address}").read()

    assert not read.live
    assert read.note == "No live prices from the marketplace: it does not answer."


def test_a_name_that_does_not_resolve_is_told():
    """A mistyped host is no crash."""
    assert not Marketplace("http://clore.invalid").read().live


def test_one_fetch_serves_all_who_ask_meanwhile(market: Marketplace, clore: FakeClore):
    """Ten pages at once make one request, and all get its answer."""
    clore.gate.clear()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(market.read())) for _ in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    clore.gate.set()
    for thread in threads:
        thread.join(5)

    assert len(clore.asked) == 1
    assert len(answers) == 10
    assert all(answer is answers[0] for answer in answers)


def test_a_page_does_not_wait_for_a_slow_marketplace(clore: FakeClore):
    """After its patience a page goes on without prices; the fetch serves a later page."""
    clore.gate.clear()
    market = Marketplace(clore.url, wait_s=0.1)
    begun = time.monotonic()
    first, second = market.read(), market.read()
    waited = time.monotonic() - begun
    clore.gate.set()
    end = time.monotonic() + 5
    while not (last := market.read()).live and time.monotonic() < end:
        time.sleep(0.02)

    assert "not answered yet" in first.note
    assert not second.live
    assert waited < 1
    assert last.live
    assert len(clore.asked) == 1


def test_a_dripping_answer_ends(clore: FakeClore):
    """A marketplace that sends a byte now and then is cut off when the fetch's time is over."""
    clore.drip_s = 0.05
    read = Marketplace(clore.url, wait_s=5, fetch_s=0.4).read()

    assert not read.live
    assert "too long" in read.note


def test_secrets_of_the_address_stay_out_of_the_note(dead_address: str):
    """A user and password in the address are never shown."""
    note = Marketplace(f"http://user:hunter2@{dead_address}").read().note

    assert "hunter2" not in note
