"""Silence, hang-ups and faults: every adapter ends them as one of our errors, and in time."""

import itertools
import threading
import time
from contextlib import closing

import pytest

from lib.core.chat import Text
from lib.core.errors import (
    AuthFailed,
    BadInput,
    BadReply,
    ModelMissing,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    TimedOut,
    Unreachable,
)
from lib.providers.line import HungUp, Line
from tests.contract.conftest import EITHER_WAY, Bench, only


@only(lambda adapter: adapter.streams)  # in one piece there is no middle to close in
def test_closing_hangs_up(bench: Bench) -> None:
    """Closing the generator in mid-answer closes the connection, so no more is generated."""
    with closing(bench.provider.stream(bench.request("#tokens=200 #pace=0.05"))) as events:
        list(itertools.islice((e for e in events if isinstance(e, Text)), 2))
    assert bench.fake.wait_idle()

    assert bench.fake.asked[-1].hung_up


@only(lambda adapter: adapter.can_hang_up)  # requests cannot cut a waiting call
@pytest.mark.parametrize("when", ["slow=30", "fault=hang", "fault=hang_mid"])
def test_hanging_up_from_another_thread_ends_the_wait(bench: Bench, when: str) -> None:
    """Stop works while the model is silent, also before its first token."""
    line = Line(wait_s=60)
    threading.Timer(0.4, line.hang_up).start()
    started = time.monotonic()
    with line.held(), pytest.raises(HungUp):
        list(bench.provider.stream(bench.request(f"one two three #{when}")))
    assert bench.fake.wait_idle()

    assert time.monotonic() - started < 5
    assert bench.fake.asked[-1].hung_up


@EITHER_WAY
def test_silence_before_the_first_token_times_out(bench: Bench, stream: bool) -> None:
    """The wait for the first token is bounded by the line, whatever the SDK's own default."""
    started = time.monotonic()
    with Line(wait_s=0.6).held(), pytest.raises(TimedOut):
        list(bench.provider.stream(bench.request("one #fault=hang", stream=stream)))

    assert 0.4 < time.monotonic() - started < 5


@only(lambda adapter: adapter.id == "vllm")  # only OpenAI's dialect has such comments
def test_signs_of_life_are_no_first_token(bench: Bench) -> None:
    """Keep-alive comments do not stretch the wait for the first token."""
    with Line(wait_s=0.6).held(), pytest.raises(TimedOut):
        list(bench.provider.stream(bench.request("one #keepalive=20")))


@EITHER_WAY
@pytest.mark.parametrize(
    ("fault", "error", "retryable"),
    [
        ("rate_limited", RateLimited, True),
        ("bad_key", AuthFailed, False),
        ("missing", ModelMissing, False),
        ("bad_request", BadInput, False),
        ("unavailable", Unreachable, True),
        ("gateway", Unreachable, True),
        ("timeout504", (Unreachable, TimedOut), True),
        ("html500", BadReply, True),
        ("broken_json", BadReply, True),
    ],
)
def test_every_fault_is_one_of_our_errors(bench: Bench, fault, error, retryable, stream) -> None:
    """SDK and HTTP failures become our errors, with a hint, without the provider's words."""
    asked = len(bench.fake.asked)
    with pytest.raises(error) as caught:
        list(bench.provider.stream(bench.request(f"one two #fault={fault}", stream=stream)))

    assert caught.value.retryable is retryable
    assert caught.value.hint
    assert "SECRET-IN-HTML" not in str(caught.value) + caught.value.hint
    assert len(bench.fake.asked) == asked + 1


def test_the_wait_the_provider_asks_for_is_kept(bench: Bench) -> None:
    """Retry-After and Google's RetryInfo arrive as seconds."""
    with pytest.raises(RateLimited) as caught:
        list(bench.provider.stream(bench.request("one #fault=rate_limited")))

    assert caught.value.retry_after_s == 37


@only(lambda adapter: adapter.google)
def test_a_daily_quota_is_told_from_a_minute_limit(bench: Bench) -> None:
    """Waiting does not help against a used-up day, so it is not retryable."""
    with pytest.raises(QuotaExhausted) as caught:
        list(bench.provider.stream(bench.request("one #fault=quota")))

    assert not caught.value.retryable


@pytest.mark.parametrize("fault", ["reset", "mid_error"])
def test_a_break_in_mid_answer_is_an_error(bench: Bench, fault: str) -> None:
    """A broken connection or an error event after the first words is raised, not swallowed."""
    with pytest.raises(ProviderError) as caught:
        list(bench.provider.stream(bench.request(f"one two three four #fault={fault}")))

    assert caught.value.retryable


@only(lambda adapter: adapter.id != "ollama")  # Ollama has neither candidates nor blocks
def test_an_answer_without_a_candidate_is_a_bad_reply(bench: Bench) -> None:
    """Nothing at all is not an empty answer."""
    with pytest.raises(BadReply):
        list(bench.provider.stream(bench.request("one #fault=no_candidates")))


def test_nobody_listening_is_unreachable(bench: Bench, dead_address: str) -> None:
    """A refused connection is told at once and may be tried again later."""
    provider = bench.adapter.make(f"http://{dead_address}", dead_address, 5.0)
    with closing(provider), pytest.raises(Unreachable):
        list(provider.stream(bench.request("one")))
