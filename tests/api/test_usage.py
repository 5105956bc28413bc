"""GET /api/usage and /api/usage.jsonl: the ledger, added up and call by call."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, api_with, settings_for
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA


@pytest.fixture(scope="module")
def used(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server of a budget of $1 that answered twice through Gemini, once locally, once not."""
    settings = settings_for(fake, tmp_path_factory.mktemp("usage"), monthly_budget_usd="1")
    with api_with(settings) as api:
        for message in ("#tokens=20 a", "#think=5 b"):
            assert api.post("/chat", json={"message": message, "model": GEMINI}).is_success
        assert api.post("/chat", json={"message": "c", "model": OLLAMA}).is_success
        refused = {"message": "#fault=rate_limited", "model": GEMINI}
        assert api.post("/chat", json=refused).status_code == 429
        yield api


def usage(api: Api, **query: str) -> dict[str, Any]:
    answer = api.get("/usage", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def lines(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = api.get("/usage.jsonl", params=query)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_sums_are_those_of_the_log(used: Api) -> None:
    """Both tell the same calls: counts, tokens, dollars, and how many have no price."""
    found, log = usage(used), lines(used)
    costs = [line["estimated_cost_usd"] for line in log]

    assert found["calls"] == len(log) == 4
    assert found["cost_usd"] == pytest.approx(sum(cost for cost in costs if cost))
    assert found["unpriced_calls"] == costs.count(None) == 2
    for name, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "output_tokens")):
        assert found["usage"][name] == sum(line[theirs] or 0 for line in log)
    assert log[1]["thinking_tokens"] == 5
    assert [line["error"] for line in log] == [None, None, None, "rate_limited"]


@pytest.mark.parametrize("group", ["day", "model", "source"])
def test_groups_add_up(used: Api, group: str) -> None:
    """Each side shows every call once; a group without a price has no cost."""
    found = usage(used, group=group)

    assert sum(one["calls"] for one in found["groups"]) == found["calls"]
    assert sum(one["unpriced_calls"] for one in found["groups"]) == found["unpriced_calls"]
    if group == "model":
        by_key = {one["key"]: one for one in found["groups"]}
        assert by_key[OLLAMA]["cost_usd"] is None
        assert by_key[GEMINI]["cost_usd"] == pytest.approx(found["cost_usd"])
    if group == "source":
        assert [one["key"] for one in found["groups"]] == ["api"]


def test_the_budget_stands_beside(used: Api) -> None:
    """This month's budget is there with what is spent, reserved and left."""
    found = usage(used)

    assert found["budget"]["monthly_usd"] == 1
    assert found["budget"]["spent_usd"] == pytest.approx(found["cost_usd"])
    assert found["budget"]["reserved_usd"] == 0
    assert found["budget"]["left_usd"] == pytest.approx(1 - found["cost_usd"])
    assert found["budget"]["warning"] is False


def test_without_a_budget_there_is_none(api: Api) -> None:
    """No budget is no field: neither 0 nor endless."""
    assert "budget" not in usage(api)


def test_a_period_bounds_both(used: Api) -> None:
    """A time in the future has no calls, one since long ago has all, in any zone's words."""
    assert usage(used, since="2999-01-01")["calls"] == 0
    assert usage(used, since="2999-01-01")["cost_usd"] is None
    assert usage(used, since="2026-01-01T00:00:00+05:30")["calls"] == 4
    assert lines(used, until="2026-01-01") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-99-99"}, "until"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "until"),
        ({"group": "hour"}, "group"),
    ],
)
def test_a_wrong_query_names_its_field(used: Api, query: dict[str, str], field: str) -> None:
    """Both refuse before anything is sent, in the shape of every error."""
    answer = used.get("/usage", params=query)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "bad_input"
    assert field in answer.json()["error"]["message"]
    if field != "group":
        assert used.get("/usage.jsonl", params=query).status_code == 422


def test_four_fifths_used_is_said(used: Api, fake: FakeServer, tmp_path: Path) -> None:
    """From 80 % on the budget carries a warning; the call that would exceed it is refused."""
    body = {"message": "#tokens=200 a", "model": GEMINI, "max_tokens": 200}
    cost = used.post("/chat", json=body).json()["cost_usd"]
    with api_with(settings_for(fake, tmp_path, monthly_budget_usd=cost / 0.85)) as api:
        assert usage(api)["budget"]["warning"] is False
        assert api.post("/chat", json=body).is_success
        assert usage(api)["budget"]["warning"] is True
        error = api.post("/chat", json=body).json()["error"]

    assert error["code"] == "over_budget"
    assert f"${cost / 0.85 - cost:.6f} of this month's budget" in error["message"]
    assert "MONTHLY_BUDGET_USD" in error["hint"]


def test_a_log_that_cannot_be_read_is_refused(fake: FakeServer, tmp_path: Path) -> None:
    """Its first lines are read before 200 is said; later a status would come too late."""
    with api_with(settings_for(fake, tmp_path)) as api:
        file = tmp_path / "playground.db"
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.write_bytes(b"\xff" * file.stat().st_size)
        answer = api.get("/usage.jsonl")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_failed")


def test_a_long_log_comes_whole(used: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece it is the same as at once."""
    whole = lines(used)
    monkeypatch.setattr("lib.store.usage.AT_ONCE", 1)

    assert lines(used) == whole
