"""Live GPU prices of Clore's marketplace: read-only, without a key, kept for a while.

Nothing here raises: when the marketplace is offline or talks nonsense the answer says so, and
callers use the dated table.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock, Thread

from lib.core.errors import ProviderError
from lib.core.market import Band, Needs, NoListing, Offer, price_bands, read_listing
from lib.providers.line import Line
from lib.providers.wire import client2, transport_error

log = logging.getLogger(__name__)

MAX_BYTES = 32_000_000
KEPT_S = 120.0  # the documentation asks for 60 s between polls, and for a cache
KEPT_FAILED_S = 20.0

# Without a name of our own the marketplace's front door answers 403.
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # so that the bound is the bound of what is read
    "User-Agent": "gpu-price-reader/1.0",
}


@dataclass(frozen=True, slots=True)
class Market:
    """What could be learned: `live` offers seen at `seen`, or none; `note` is for the page.

    Prices are USD a GPU-hour, without the renter's fee.
    """

    live: bool
    note: str
    seen: datetime
    offers: tuple[Offer, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def prices(self, needs: Needs | None = None, spot: bool = False) -> dict[str, Band]:
        """By GPU over the servers that meet the needs (default: no mining rigs); may be empty."""
        needs = needs or Needs()
        return price_bands((offer for offer in self.offers if needs.met_by(offer)), spot)


class Marketplace:
    """The marketplace below `url`. One fetch at a time, shared by all who ask meanwhile.

    A page waits `wait_s` at most; a fetch takes `fetch_s` at most and serves the next page.
    """

    def __init__(
        self,
        url: str,
        now: Callable[[], float] = time.time,
        wait_s: float = 8.0,
        fetch_s: float = 30.0,
    ) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/marketplace"
        self._now, self._wait_s, self._fetch_s = now, wait_s, fetch_s
        self._lock = Lock()
        self._flight: Future[Market] | None = None
        self._begun = 0.0
        self._market: Market | None = None

    def read(self) -> Market:
        """Prices at most two minutes old, or why there are none; never raises."""
        with self._lock:
            if self._market and self._is_fresh(self._market):
                return self._market
            if self._flight is None:
                self._flight, self._begun = Future(), self._now()
                Thread(target=self._fly, args=(self._flight,), daemon=True).start()
            flight, waited_s = self._flight, self._now() - self._begun
        try:
            return flight.result(timeout=max(0.0, self._wait_s - waited_s))
        except TimeoutError:
            return self._none("it has not answered yet")

    def _is_fresh(self, market: Market) -> bool:
        age_s = self._now() - market.seen.timestamp()
        return 0 <= age_s < (KEPT_S if market.live else KEPT_FAILED_S)

    def _fly(self, flight: Future[Market]) -> None:
        market = self._fetch()
        with self._lock:
            self._market, self._flight = market, None
        flight.set_result(market)

    def _fetch(self) -> Market:
        try:
            listing = read_listing(self._answer())
        except NoListing as error:
            return self._none(str(error))
        except Exception as error:  # whatever it is, a page must not break over it
            known = transport_error(error, "it")
            log.warning("marketplace: %s", type(error).__name__)
            return self._none(_clause(known) if known else "its answer cannot be read")
        if not listing.offers:
            return self._none("it has no free server with a readable price")
        left_out = sum(listing.left_out.values())
        note = f"{len(listing.offers)} free servers, {left_out} left out; without the renter's fee."
        return Market(True, note, self._seen(), listing.offers, listing.left_out)

    def _answer(self) -> object:
        """The JSON the marketplace sends; the line bounds the whole fetch, drips included."""
        body = bytearray()
        with (
            Line(self._fetch_s).held(),
            client2(self._fetch_s) as client,
            client.stream("GET", self._url, headers=_HEADERS) as response,
        ):
            if response.status_code != 200:
                raise NoListing(f"it answered with status {response.status_code}")
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise NoListing(f"its answer is over {MAX_BYTES // 1_000_000} MB")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise NoListing("its answer is no JSON") from None

    def _none(self, why: str) -> Market:
        return Market(False, f"No live prices from the marketplace: {why}.", self._seen())

    def _seen(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)


def _clause(error: ProviderError) -> str:
    return str(error).rstrip(".")
