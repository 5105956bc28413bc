"""What may be done with a job in each state, and what becomes of its calls and rows."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    refusal,
    rows_of,
    steer,
    submit,
    until,
)
from tests.fakes import FakeServer

NUMBERS = itertools.count()
UNASKED = dict.fromkeys(
    ("label", "confidence", "error", "model", "input_tokens", "output_tokens", "cost_usd")
)


def texts_of(count: int, *, slow: float = 0.0, last: str = "") -> list[str]:
    """New texts, each answered GOOD after `slow` seconds."""
    run = next(NUMBERS)
    directive = f" #slow={slow}" if slow else ""
    texts = [f"states {run} row {n} GOOD{directive}" for n in range(count)]
    return [*texts[:-1], texts[-1] + last]


def asked(fake: FakeServer, texts: list[str]) -> list[int]:
    """How often each text was asked."""
    return [fake.texts.get(text, 0) for text in texts]


def paused(api: Api, fake: FakeServer, count: int = 6) -> tuple[str, list[str]]:
    """A job that was paused with two calls under way, which are through by now."""
    texts = texts_of(count, slow=0.3)
    job = submit(api, csv_of(*texts), concurrency=2)
    until(lambda: sum(asked(fake, texts)) == 2, "two calls")
    assert steer(api, job, "pause").json()["state"] == "paused"
    until(lambda: fields(api, job)["rows_done"] >= 2, "the end of the calls under way")
    return job, texts


@pytest.fixture(scope="module")
def jobs(api: Api, fake: FakeServer) -> Iterator[dict[str, str]]:
    """A job in every state; the queued or running one is new for each question."""
    found = {"done": submit(api, csv_of(*texts_of(1)))}
    found["failed"] = submit(api, csv_of(*texts_of(2, last=" #fault=bad_key")))
    found["over_budget"] = submit(api, csv_of(*texts_of(2)), budget_usd=1e-9)
    found["cancelled"], _ = paused(api, fake)
    assert steer(api, found["cancelled"], "cancel").json()["state"] == "cancelled"
    found["paused"], _ = paused(api, fake)
    found["running"] = submit(api, csv_of(*texts_of(99, slow=0.5)), concurrency=1)
    for state in ("done", "failed", "over_budget"):
        ended(api, found[state], state)
    until(lambda: fields(api, found["running"])["state"] == "running", "the run")
    yield found
    steer(api, found["running"], "cancel")


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        *((state, "pause") for state in ("done", "failed", "cancelled", "over_budget")),
        *((state, "resume") for state in ("running", "done", "cancelled")),
        *(
            (state, "retry")
            for state in ("running", "paused", "failed", "cancelled", "over_budget")
        ),
        ("done", "cancel"),
    ],
)
def test_what_does_not_fit_a_state_is_bad_input(
    api: Api, jobs: dict[str, str], state: str, verb: str
) -> None:
    before = fields(api, jobs[state])

    assert refusal(steer(api, jobs[state], verb)) == (422, "bad_input")
    after = fields(api, jobs[state])
    assert (after["state"], after["error"]) == (state, before["error"])


def test_pausing_twice_answers_the_job(api: Api) -> None:
    job = submit(api, csv_of(*texts_of(2, slow=0.2)), concurrency=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: steer(api, job, "pause"), range(16)))

    assert {(one.status_code, one.json().get("state")) for one in answers} == {(200, "paused")}


def test_pause_lets_calls_in_flight_finish_and_resume_asks_the_rest(
    api: Api, fake: FakeServer
) -> None:
    job, texts = paused(api, fake)
    found = fields(api, job)

    assert (found["state"], found["rows_done"], found["calls"]) == ("paused", 2, 2)
    assert sorted(column(rows_of(api, job), "label"), key=str) == ["GOOD"] * 2 + [None] * 4
    assert (found["finished"], found["error"], found["eta_s"]) == (None, None, None)
    assert steer(api, job, "resume").json()["state"] in ("queued", "running")
    found = ended(api, job)
    assert (found["rows_done"], found["calls"]) == (6, 6)
    assert asked(fake, texts) == [1] * 6, "what a paused job has is kept"


def test_rows_that_were_not_asked_have_nothing(api: Api, jobs: dict[str, str]) -> None:
    for state in ("paused", "cancelled"):
        rows = rows_of(api, jobs[state])
        unasked = [row for row in rows if row["label"] is None]

        assert len(unasked) == 4
        assert all(UNASKED.items() <= row.items() for row in unasked)
    assert UNASKED.items() <= rows_of(api, jobs["over_budget"])[0].items()


def test_a_cancelled_job_keeps_its_rows_and_calls_nobody(api: Api, fake: FakeServer) -> None:
    texts = texts_of(6, slow=0.3)
    job = submit(api, csv_of(*texts), concurrency=2)
    until(lambda: sum(asked(fake, texts)) == 2, "two calls")
    assert steer(api, job, "cancel").json()["state"] == "cancelled"
    until(lambda: fields(api, job)["rows_done"] == 2, "the end of the calls under way")

    found = fields(api, job)
    assert (found["state"], found["calls"], sum(asked(fake, texts))) == ("cancelled", 2, 2)


@pytest.mark.parametrize("state", ["queued", "failed", "over_budget"])
def test_what_is_not_done_can_be_cancelled(api: Api, state: str) -> None:
    if state == "queued":
        job = submit(api, csv_of(*texts_of(1, slow=0.2)))
    elif state == "failed":
        job = submit(api, csv_of(*texts_of(1, last=" #fault=bad_key")))
        ended(api, job, "failed")
    else:
        job = submit(api, csv_of(*texts_of(1)), budget_usd=1e-9)
        ended(api, job, "over_budget")

    answer = steer(api, job, "cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert fields(api, job)["state"] == "cancelled"
    assert refusal(steer(api, job, "resume")) == (422, "bad_input")


@pytest.mark.parametrize(
    ("fault", "code"), [("bad_key", "auth_failed"), ("quota", "quota_exhausted")]
)
def test_what_no_call_can_survive_stops_the_job_and_resume_goes_on(
    api: Api, fake: FakeServer, fault: str, code: str
) -> None:
    texts = [f"{text} #once={fault}" if n == 2 else text for n, text in enumerate(texts_of(5))]
    job = submit(api, csv_of(*texts), concurrency=1)
    found = ended(api, job, "failed")

    assert found["error"]["code"] == code
    assert found["error"].keys() - {"retry_after_s"} == {"code", "message", "hint"}
    assert [found[name] for name in ("rows_done", "rows_failed", "calls")] == [2, 0, 3]
    rows = rows_of(api, job)
    assert column(rows, "label") == ["GOOD", "GOOD", None, None, None]
    assert column(rows, "error") == [None] * 5
    assert all(UNASKED.items() <= row.items() for row in rows[3:])
    assert found["cost_usd"] > 0, "a refused call costs nothing, which is known"

    again = steer(api, job, "resume").json()
    assert (again["error"], again["finished"]) == (None, None)
    found = ended(api, job)
    assert [found[name] for name in ("rows_done", "rows_failed", "calls")] == [5, 0, 6]
    assert asked(fake, texts) == [1, 1, 2, 1, 1]


def test_what_one_job_waits_for_holds_up_no_other(api: Api, fake: FakeServer) -> None:
    """A slow call of a run that was paused and resumed blocks neither steering nor other jobs."""
    texts = texts_of(2, slow=2.5)
    slow = submit(api, csv_of(*texts), concurrency=1)
    until(lambda: sum(asked(fake, texts)) == 1, "the slow call")
    steer(api, slow, "pause")
    steer(api, slow, "resume")
    quick = submit(api, csv_of(*texts_of(2)))

    ended(api, quick)
    assert steer(api, slow, "cancel").json()["state"] == "cancelled"
    assert fields(api, slow)["rows_done"] == 0, "the slow call was waited for"


def test_retry_asks_only_failed_rows_and_adds_to_what_they_took(api: Api, fake: FakeServer) -> None:
    texts = texts_of(4)
    texts[1] += " #once=invalid"
    texts[2] += " #say=nonsense"
    job = submit(api, csv_of(*texts, " "), concurrency=1, max_retries=0)
    found = ended(api, job)
    before = rows_of(api, job)
    assert [found[name] for name in ("rows_done", "rows_failed", "calls")] == [5, 3, 4]
    assert column(before, "error") == [None, "bad_reply", "bad_reply", None, "bad_input"]

    answer = steer(api, job, "retry").json()
    assert (answer["state"] in ("queued", "running", "done"), answer["finished"]) == (True, None)
    found = ended(api, job)
    rows = rows_of(api, job)
    assert [found[name] for name in ("rows_done", "rows_failed", "calls")] == [5, 2, 6]
    assert column(rows, "error") == [None, None, "bad_reply", None, "bad_input"]
    assert asked(fake, texts) == [1, 2, 2, 1]
    assert rows[1]["input_tokens"] == 2 * before[1]["input_tokens"]
    assert rows[0] == before[0]
    assert found["calls"] == len(calls_of(api, job))
    assert sum(column(rows, "input_tokens")) == found["usage"]["input_tokens"]


def test_retry_of_a_job_without_failed_rows_answers_it(api: Api, jobs: dict[str, str]) -> None:
    answer = steer(api, jobs["done"], "retry")

    assert answer.status_code == 200
    assert ended(api, jobs["done"])["calls"] == 1


@pytest.mark.parametrize(
    "body", ["[]", '"x"', "{", '{"budget": 1}', '{"budget_usd": 0}', '{"budget_usd": "x"}', "1"]
)
def test_a_wrong_body_of_resume_is_bad_input(api: Api, jobs: dict[str, str], body: str) -> None:
    answer = api.post(f"/jobs/{jobs['paused']}/resume", content=body)

    assert refusal(answer) == (422, "bad_input")
    assert fields(api, jobs["paused"])["state"] == "paused"


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"budget_usd": null}'])
def test_resume_needs_no_body(api: Api, fake: FakeServer, body: bytes) -> None:
    job, _ = paused(api, fake, 3)

    assert api.post(f"/jobs/{job}/resume", content=body).status_code == 200
    assert ended(api, job)["rows_done"] == 3


def test_a_job_may_be_paused_and_resumed_again_and_again(api: Api, fake: FakeServer) -> None:
    texts = texts_of(12, slow=0.05)
    job = submit(api, csv_of(*texts), concurrency=2)
    for _ in range(6):
        steer(api, job, "pause")
        steer(api, job, "resume")

    found = ended(api, job)
    assert (found["rows_done"], found["calls"]) == (12, 12)
    assert asked(fake, texts) == [1] * 12
