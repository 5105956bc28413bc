"""Refusals and breakdowns, told apart as finely as a job needs them to go on or to stop."""

from contextlib import closing

import pytest

from lib.core.errors import (
    AppError,
    BadReply,
    Broke,
    NoConnection,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    Unreachable,
)
from tests.contract.conftest import EITHER_WAY, Bench, bulk_grpc, only
from tests.fakes import FakeServer


def failure(bench: Bench, text: str, stream: bool = False) -> AppError:
    with pytest.raises(AppError) as caught:
        list(bench.provider.stream(bench.request(text, stream=stream)))
    return caught.value


@EITHER_WAY
@pytest.mark.parametrize("fault", ["internal", "html500"])
def test_a_server_that_failed_inside_broke(bench: Bench, fault: str, stream: bool) -> None:
    """Status 500 is told from an answer that cannot be read, whatever its body."""
    assert type(failure(bench, f"one #fault={fault}", stream)) is Broke


@EITHER_WAY
def test_an_unreadable_answer_is_no_broken_server(bench: Bench, stream: bool) -> None:
    """An answer with status 200 that makes no sense is a bad reply and no more."""
    assert type(failure(bench, "one #fault=broken_json", stream)) is BadReply


@EITHER_WAY
@pytest.mark.parametrize("fault", ["unavailable", "gateway", "reset"])
def test_a_server_that_was_reached_is_never_no_connection(
    bench: Bench, fault: str, stream: bool
) -> None:
    """A 503, a proxy's 502 and a line cut in mid-answer may have cost something."""
    error = failure(bench, f"one two three four #fault={fault}", stream)

    assert isinstance(error, Unreachable)
    assert not isinstance(error, NoConnection)
    assert not error.costs_nothing


@EITHER_WAY
def test_nobody_listening_costs_nothing(bench: Bench, dead_address: str, stream: bool) -> None:
    """When no connection came about, nothing was sent and nothing can be charged."""
    provider = bench.adapter.make(f"http://{dead_address}", dead_address, 5.0)
    with closing(provider), pytest.raises(NoConnection) as caught:
        list(provider.stream(bench.request("one", stream=stream)))

    assert caught.value.costs_nothing
    assert dead_address not in str(caught.value) + caught.value.hint


@only(lambda adapter: adapter.id == "gemini")
def test_a_name_nobody_knows_costs_nothing(bench: Bench) -> None:
    """A host that does not resolve was not reached either, over gRPC too."""
    nowhere = "no-such-host.invalid"
    for make, target in ((bench.adapter.make, ""), (bulk_grpc, f"{nowhere}:443")):
        # Long, since a busy machine takes seconds to hear that a name does not exist.
        with closing(make(f"http://{nowhere}", target, 20.0)) as p, pytest.raises(NoConnection):
            list(p.stream(bench.request("one")))


@pytest.mark.parametrize(("fault", "seconds"), [("rate_limited", 37), ("throttled", 1)])
def test_a_refusal_tells_when_to_come_back(bench: Bench, fault: str, seconds: float) -> None:
    """Retry-After of a 429 and Google's RetryInfo arrive as seconds."""
    error = failure(bench, f"one #fault={fault}")

    assert type(error) is RateLimited
    assert error.retry_after_s == seconds


def test_a_busy_server_tells_when_to_come_back(bench: Bench) -> None:
    """A 503 may carry the same wait, and it is passed on."""
    error = failure(bench, "one #fault=busy")

    assert isinstance(error, Unreachable)
    assert error.retry_after_s == 37


@only(lambda adapter: adapter.google)
@EITHER_WAY
def test_a_used_up_day_is_not_a_busy_minute(bench: Bench, stream: bool) -> None:
    """The quota's name decides, over REST as over gRPC."""
    assert type(failure(bench, "one #fault=quota", stream)) is QuotaExhausted


@only(lambda adapter: adapter.id != "gemini_bulk-rest")
def test_a_server_that_went_away_is_an_error_and_not_a_wait(bench: Bench) -> None:
    """A connection that worked before and is gone now ends the next call at once."""
    with FakeServer() as brief:
        provider = bench.adapter.make(brief.url, brief.grpc_target, 10.0)
        list(provider.stream(bench.request("one")))
    with closing(provider), pytest.raises(ProviderError) as caught:
        list(provider.stream(bench.request("one")))

    assert caught.value.retryable
