"""/api/estimate and /api/claims over the wire; the sums themselves are tested in tests/unit."""

import copy
import json
from typing import Any

import pytest

from lib.web.estimate_api import EXAMPLE
from tests.api.conftest import Api


def body(**changes: Any) -> dict[str, Any]:
    """The example, with dotted names replaced: `body(**{"local.gpu": "…"})`."""
    made: dict[str, Any] = copy.deepcopy(EXAMPLE)
    for name, value in changes.items():
        *path, last = name.split(".")
        part = made
        for step in path:
            part = part[step]
        part[last] = value
    return made


def test_the_guides_hundred_million(api: Api) -> None:
    """100 M tokens, half of them input: the API's bill, the GPU's, and where they meet."""
    answer = api.post("/estimate", json=body())
    found = answer.json()

    assert answer.status_code == 200
    assert found["api"]["usd_per_month"] == 87.5
    assert found["api"]["price_date"] == "2026-11-22"
    assert found["local"]["usd_per_month"] == pytest.approx(191.625)
    assert found["local"]["decode_tok_s"]["source"] == "modelled"
    assert found["break_even"]["state"] == "reached"
    assert found["break_even"]["tokens_per_month"] == pytest.approx(219_000_000)
    assert len(found["series"]) >= 20
    here = next(point for point in found["series"] if point["tokens_per_month"] == 100_000_000)
    assert here["api_usd"] == 87.5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"local.gpu": "GTX 1"}, "local.gpu"),
        ({"local.model": "nope"}, "local.model"),
        ({"api.tier": "gold"}, "api.tier"),
        ({"rental.usd_per_hour": -1}, "rental.usd_per_hour"),
        ({"tokens_per_month": None}, "tokens_per_month"),
        ({"rental.max_utilisation": 0}, "rental.max_utilisation"),
    ],
)
def test_bad_input_names_the_field(api: Api, changes: dict[str, Any], named: str) -> None:
    """A wrong field is 422 and is named with its path."""
    answer = api.post("/estimate", json=body(**changes))

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"no", b'{"tokens_per_month": NaN}', b"[" * 100_000, b"9" * 5000, b"\xff"]
)
def test_nonsense_is_bad_input(api: Api, raw: bytes) -> None:
    """No body makes the server fail."""
    answer = api.post("/estimate", content=raw)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "true"])
def test_odd_numbers_are_bad_input(api: Api, number: str) -> None:
    """What JSON writers make of odd numbers is refused like any wrong value."""
    raw = json.dumps(body()).replace("100000000", number)
    answer = api.post("/estimate", content=raw)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


def test_sound_costs_its_own_rate(api: Api) -> None:
    """A second of sound is 32 tokens at the audio price; the local side says it cannot hear."""
    plain = api.post("/estimate", json=body()).json()
    loud = api.post("/estimate", json=body(audio_seconds_per_request=10)).json()
    requests = 100_000_000 * 0.5 / 500

    more = loud["api"]["usd_per_month"] - plain["api"]["usd_per_month"]
    assert more == pytest.approx(requests * 320 * 0.50e-6)
    assert any("cannot hear" in warning for warning in loud["local"]["warnings"])


def test_what_does_not_fit_has_no_bill(api: Api) -> None:
    """A model too large for the card leaves the local figures open and answers the API's."""
    found = api.post("/estimate", json=body(**{"local.model": "gemma3:27b"})).json()

    assert found["local"]["fits"] is False
    assert found["local"]["usd_per_month"] is None
    assert found["local"]["warnings"]
    assert found["break_even"]["state"] == "not_reached"
    assert found["api"]["usd_per_month"] == 87.5


def test_the_claims_are_recomputed(api: Api) -> None:
    """Every claim has a verdict, and the guide's flat price is called what it is."""
    found = api.get("/claims").json()["claims"]
    fields = {
        "table",
        "row",
        "claim",
        "unit",
        "claimed",
        "recomputed",
        "assumption",
        "verdict",
        "why",
    }

    assert len(found) > 50
    assert all(fields <= claim.keys() for claim in found)
    assert {"right", "wrong"} <= {claim["verdict"] for claim in found}
