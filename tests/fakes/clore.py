"""A small marketplace in Clore's words: a few good servers, and one for every trap there is."""

import json
import threading
import time
from contextlib import suppress
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Server = dict[str, Any]

PATH = "/v1/marketplace"
NAMES = {3060: 12, 3080: 10, 3090: 24, 4090: 24, 5090: 32}


def server(number: Any, card: int = 4090, gpus: int = 1, day_usd: Any = 4.8, **changes) -> Server:
    """A good server of the shape the API has; `changes` replace whole top-level fields."""
    name = f"NVIDIA GeForce RTX {card}"
    good = {
        "id": number,
        "owner": 7,
        "mrl": 96,
        "price": price(day_usd),
        "rented": False,
        "specs": specs(f"{gpus}x {name}", gpuram=NAMES[card]),
        "reliability": 0.98,
        "allowed_coins": ["bitcoin", "CLORE-Blockchain", "USD-Blockchain"],
        "rating": {"avg": 4.8, "cnt": 12},
        "gpu_array": [name] * gpus,
        "gigaspot": False,
        "cuda_version": "12.8",
    }
    return {**good, **changes}


def price(day_usd: Any, spot_usd: Any = None) -> dict[str, Any]:
    """All rails of a day price; the spot floor is 0, as it often is."""
    rails = {"USD-Blockchain": day_usd, "bitcoin": day_usd}
    return {
        "on_demand": {"bitcoin": 0.00004, "CLORE-Blockchain": 320, "USD-Blockchain": day_usd},
        "spot": {"bitcoin": 0.00002, "CLORE-Blockchain": 160},
        "usd": {
            "on_demand_btc": 999.0,
            "on_demand_clore": 5.1,
            "on_demand_usd": day_usd,
            "spot": 0,
        },
        "original_usd": {coin: {"on_demand": usd, "spot": spot_usd} for coin, usd in rails.items()},
    }


def specs(gpu: str, **changes: Any) -> dict[str, Any]:
    good = {
        "mb": "X570",
        "cpu": "AMD Ryzen 9 5950X",
        "cpus": "16/32",
        "ram": 62.7,
        "disk": "Samsung SSD 980 PRO 97.57GB",
        "disk_speed": 1200,
        "gpu": gpu,
        "gpuram": 24,
        "net": {"cc": "DE", "down": 850.5, "up": 400},
        "pcie_rev": 4,
        "pcie_width": 16,
    }
    return {**good, **changes}


def rig() -> Server:
    """The mining rig of the API's own page: everything but the cards is too small."""
    poor = specs("2x NVIDIA GeForce RTX 3080", gpuram=10, ram=15.6, pcie_rev=1, pcie_width=1)
    poor["net"] = {"cc": "RU", "down": 4.7, "up": 3.1}
    return server(900, 3080, 2, 3.2, specs=poor)


def mixed() -> Server:
    names = ["NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3060"]
    return server(901, gpu_array=names, specs=specs("2x Mixed"))


def odd_rails() -> Server:
    """Spot 0 in the plain field, a wild bitcoin rail, the true spots among the originals."""
    rails = price(4.8)
    rails["original_usd"] = {
        "bitcoin": {"on_demand": 900.0, "spot": 0.001},
        "CLORE-Blockchain": {"on_demand": 5.0, "spot": 2.4},
        "USD-Blockchain": {"on_demand": 4.8, "spot": 2.88},
    }
    return server(902, price=rails)


def in_texts() -> Server:
    """A server whose numbers are all texts."""
    words = specs("1x NVIDIA GeForce RTX 4090", gpuram="24", ram="64 GB", pcie_width="x16")
    words["net"] = {"down": "850.5", "up": "400"}
    return server(903, price=price("6.00"), specs=words, reliability="0.97")


def bare() -> Server:
    """A server that says no more than it must."""
    plain = {"gpu": "1x NVIDIA GeForce RTX 4090"}
    return {"id": 904, "rented": False, "specs": plain, "price": {"usd": {"on_demand_usd": 5.04}}}


# What a listing may hold besides good servers, by the reason it is left out of the offers.
LEFT_OUT: dict[str, list[Any]] = {
    "not free": [
        server(910, rented=True),
        server(911, rented=None),
        server(912, online=False),
    ],
    "mixed GPUs": [mixed(), server(913, 3090, specs=specs("1x Mixed"))],
    "unclear GPUs": [
        server(914, gpu_array=[], specs=specs("")),
        server(915, gpu_array=["NVIDIA GeForce RTX 4090"], specs=specs("4x RTX 4090")),
        server(916, gpu_array=None, specs=None),
    ],
    "other GPU": [
        server(917, specs=specs("1x NVIDIA GeForce RTX 4090", gpuram=48)),
        server(918, gpu_array=["AMD Radeon RX 7900 XTX"], specs=specs("1x AMD Radeon RX 7900 XTX")),
        server(919, gpu_array=["NVIDIA GeForce RTX 3080 Ti"], specs=specs("", gpuram=12)),
    ],
    "no believable price": [
        server(920, price=None),
        server(921, day_usd=None),
        server(922, day_usd=0),
        server(923, day_usd=-4.8),
        server(924, day_usd="call us"),
        server(925, day_usd=4.8 * 24 * 100),
        server(926, day_usd=0.2),
    ],
    "unreadable": [None, "server", 7, [], {}, server("none")],
}


def listing() -> dict[str, Any]:
    """A whole answer: good servers of three cards, the rig, oddities, and everything left out."""
    good = [server(n, day_usd=4.8 + n / 10) for n in range(1, 11)]
    good += [server(20 + n, 3060, 4, 24.0) for n in range(3)]
    good += [server(30, 5090, gpu_array=[["NVIDIA GeForce RTX 5090"]], day_usd=16.8)]
    odd = [rig(), odd_rails(), in_texts(), bare(), server(31, day_usd=40.8)]
    left_out = [entry for entries in LEFT_OUT.values() for entry in entries]
    return deepcopy({"code": 0, "servers": [*good, *odd, *left_out]})


class FakeClore:
    """Serves `answer` (JSON, or bytes as they are) with `status` on 127.0.0.1.

    While `gate` is not set requests wait; `drip_s` sends the body byte by byte at that pace.
    """

    def __init__(self) -> None:
        self.answer: Any = listing()
        self.status, self.drip_s = 200, 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[dict[str, str]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.gate.set()
        self._http.shutdown()
        self._http.server_close()

    def body(self) -> bytes:
        if isinstance(self.answer, bytes):
            return self.answer
        return json.dumps(self.answer).encode()


def _handler(fake: FakeClore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.asked.append({"path": self.path, **headers})
            fake.gate.wait(10)
            if headers.get("user-agent", "").startswith("python"):
                return self._send(403, b"error code: 1010")
            if self.path != PATH:
                return self._send(200, b'{"code": 4}')
            return self._send(fake.status, fake.body())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # the reader may hang up, as it should
                if not fake.drip_s:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(fake.drip_s)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing; `asked` is the log."""

    return Handler
