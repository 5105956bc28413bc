"""One row's calls: what is repeated and how often, what becomes of it, what it took."""

from pathlib import Path

import pytest

from lib.core.chat import Usage
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, VLLM, running
from tests.unit.crews import Work, fresh

EVERYONE = pytest.mark.parametrize("model", [GEMINI, OLLAMA, VLLM])


def calls(fake: FakeServer, text: str) -> int:
    return fake.texts.get(text, 0)


@EVERYONE
def test_a_row_gets_its_label_as_the_spec_writes_it(app: App, model: str) -> None:
    work = Work(app, model=model, labels=["SPAM", "Ham and eggs"])
    work.run(fresh("this is ham and eggs"))

    assert (work.labels, work.errors) == (["Ham and eggs"], [None])
    assert work.results[0].model == model


@pytest.mark.parametrize("fault", ["unavailable", "internal", "gateway", "timeout504", "html500"])
def test_a_server_error_is_asked_again(app: App, fake: FakeServer, fault: str) -> None:
    work, text = Work(app, max_retries=1), fresh(f"ham #once={fault}")
    work.run(text)

    assert (work.labels, work.errors) == (["ham"], [None])
    assert calls(fake, text) == 2


@pytest.mark.parametrize("fault", ["unavailable", "internal"])
def test_a_server_error_that_stays_makes_the_row_unreachable(
    app: App, fake: FakeServer, fault: str
) -> None:
    """The job goes on: another row may be served."""
    work, text = Work(app, max_retries=1), fresh(f"ham #fault={fault}")

    assert work.run(text, fresh("eggs"))
    assert (work.labels, work.errors) == ([None, "eggs"], ["unreachable", None])
    assert (calls(fake, text), work.halted_by) == (2, None)


@pytest.mark.parametrize("fault", ["unavailable", "internal", "invalid"])
def test_without_retries_every_row_is_asked_once(app: App, fake: FakeServer, fault: str) -> None:
    work, text = Work(app, max_retries=0), fresh(f"ham #once={fault}")
    work.run(text)

    assert work.errors == ["bad_reply" if fault == "invalid" else "unreachable"]
    assert calls(fake, text) == 1


def test_a_silent_server_times_the_row_out_after_its_retries(
    fake: FakeServer, tmp_path: Path
) -> None:
    with running(fake, tmp_path, model_timeout_s=0.3) as app:
        work, text = Work(app, max_retries=1), fresh("ham #fault=hang")
        work.run(text)

    assert (work.errors, calls(fake, text)) == (["timed_out"], 2)


def test_an_invalid_answer_is_asked_once_more(app: App, fake: FakeServer) -> None:
    work, text = Work(app), fresh("ham #once=invalid")
    work.run(text)

    assert (work.labels, calls(fake, text)) == (["ham"], 2)


@pytest.mark.parametrize("said", ["#say=neither", "#say=spam_or_ham", "#fault=broken_json"])
def test_two_invalid_answers_are_a_bad_reply(app: App, fake: FakeServer, said: str) -> None:
    work, text = Work(app, max_retries=5), fresh(said)
    work.run(text)

    assert (work.labels, work.errors) == ([None], ["bad_reply"])
    assert calls(fake, text) == 2


def test_an_answer_that_was_cut_off_is_no_label_even_if_it_looks_like_one(
    app: App, fake: FakeServer
) -> None:
    text = fresh("#say=ham #fault=cut")
    work = Work(app, max_retries=0)
    work.run(text)

    assert work.errors == ["bad_reply"]


def test_an_answer_that_ran_out_is_asked_again_with_more_room(app: App, fake: FakeServer) -> None:
    """A model that thinks first needs it."""
    work, text = Work(app), fresh("#fault=length_empty")
    work.run(text)
    rooms = [
        call.body["max_tokens"] for call in fake.asked if text in str(call.body.get("messages"))
    ]

    assert rooms[1] >= 2048 > rooms[0]


@pytest.mark.parametrize("model", [GEMINI, VLLM])
def test_a_blocked_answer_is_refused_and_not_asked_again(
    app: App, fake: FakeServer, model: str
) -> None:
    work, text = Work(app, model=model), fresh("ham #fault=safety")
    work.run(text)

    assert (work.labels, work.errors) == ([None], ["refused"])
    assert calls(fake, text) == 1


def test_a_request_the_model_does_not_take_is_bad_input_and_not_asked_again(
    app: App, fake: FakeServer
) -> None:
    work, text = Work(app), fresh("ham #fault=bad_request")
    work.run(text, fresh("eggs"))

    assert work.errors == ["bad_input", None]
    assert calls(fake, text) == 1


@pytest.mark.parametrize("text", [None, "", " \n\t", "half a pair \ud800"])
def test_what_cannot_be_sent_is_bad_input_without_a_call(
    app: App, fake: FakeServer, text: str | None
) -> None:
    before, work = len(fake.asked), Work(app)
    work.run(text, text)

    assert (work.labels, work.errors) == ([None, None], ["bad_input"] * 2)
    assert work.results[0].usage == Usage(0, 0, 0, 0)
    assert len(fake.asked) == before


def test_a_rate_limit_is_waited_out_and_is_no_retry(app: App, fake: FakeServer) -> None:
    """Also with no retries at all; every refused call stands in the ledger."""
    work, text = Work(app, max_retries=0), fresh("ham #once=throttled")
    work.run(text)

    assert (work.labels, work.errors) == (["ham"], [None])
    assert calls(fake, text) == 2
    assert [row["error"] for row in app.ledger.rows()] == ["rate_limited", None]
