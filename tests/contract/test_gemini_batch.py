"""Gemini's Batch API through google-genai: what is sent, what comes back, and how it ends."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from lib.core.batch import BatchAnswer, Batching, BatchState, Unkeyed
from lib.core.chat import Finish, ModelInfo, Request
from lib.core.errors import AppError, NotFound, RateLimited, Unreachable
from lib.core.prompt import pack, single
from lib.core.task import Label, Task
from lib.providers.gemini_batch import GeminiBatch
from tests.contract.conftest import FLASH, PICTURE
from tests.fakes import FakeServer
from tests.fakes.gemini import either
from tests.unit.builders import wait_until
from tests.unit.crews import fresh

TASK = Task((Label("GOOD"), Label("BAD")), "Is it well meant?")
INFO = ModelInfo("gemini", FLASH, thinks=True)


@pytest.fixture
def batches(fake: FakeServer) -> Iterator[Batching]:
    with closing(GeminiBatch("k", fake.url, 5.0)) as provider:
        yield provider


def asks(*texts: str) -> dict[str, Request]:
    """A request for each text, by its key."""
    return {f"key {n}": single(TASK, INFO, text) for n, text in enumerate(texts)}


def ended(batches: Batching, name: str) -> BatchState:
    running = (BatchState.PENDING, BatchState.RUNNING)
    assert wait_until(lambda: batches.look(name) not in running)
    return batches.look(name)


def run(batches: Batching, requests: dict[str, Request]) -> dict[str, BatchAnswer | AppError]:
    name = batches.submit(FLASH, requests, fresh("batch"))
    assert ended(batches, name) is BatchState.SUCCEEDED
    return batches.answers(name)


def test_each_answer_finds_its_request(batches: Batching) -> None:
    """By its key, whatever the order Google answers in; its tokens come with it."""
    texts = [fresh(f"row {n} is {('GOOD', 'BAD')[n % 2]}") for n in range(30)]

    found = run(batches, asks(*texts))

    assert {key: one.text for key, one in found.items()} == {
        f"key {n}": ("GOOD", "BAD")[n % 2] for n in range(30)
    }
    one = found["key 3"]
    assert one.finish is Finish.STOP
    assert one.version == FLASH
    assert one.usage.output_tokens == 1
    assert one.usage.input_tokens > 10


def test_a_request_is_written_as_anywhere_else(batches: Batching, fake: FakeServer) -> None:
    """Model, system prompt, choices, thinking: what a single call sends."""
    (request,) = asks(fresh("a row")).values()
    batches.submit(FLASH, {"key 0": request}, fresh("batch"))

    sent = fake.calls[-1].body["batch"]
    assert fake.calls[-1].path.endswith(f"/models/{FLASH}:batchGenerateContent")
    (one,) = sent["inputConfig"]["requests"]["requests"]
    assert one["metadata"] == {"key": "key 0"}
    assert one["request"]["systemInstruction"]["parts"][0]["text"] == request.system
    assert one["request"]["contents"][0]["parts"][0]["text"] == request.messages[0].text
    options = one["request"]["generationConfig"]
    assert options["responseMimeType"] == "text/x.enum"
    assert options["responseSchema"]["enum"] == ["GOOD", "BAD"]
    assert either(options["thinkingConfig"], "thinkingLevel") == "MINIMAL"
    assert options["maxOutputTokens"] == request.max_tokens


def test_a_pack_is_asked_with_a_schema_this_endpoint_obeys(
    batches: Batching, fake: FakeServer
) -> None:
    """responseSchema, not responseJsonSchema, which the batch endpoint was seen to spoil."""
    request = pack(TASK, INFO, [fresh("one GOOD"), fresh("two BAD")])

    found = run(batches, {"pack": request})["pack"]

    made = next(call for call in reversed(fake.calls) if "batch" in call.body)
    (one,) = made.body["batch"]["inputConfig"]["requests"]["requests"]
    options = one["request"]["generationConfig"]
    assert either(options, "responseJsonSchema") is None
    assert options["responseSchema"]["items"]["properties"]["label"]["enum"] == ["GOOD", "BAD"]
    assert found.text == '[{"id": 1, "label": "GOOD"}, {"id": 2, "label": "BAD"}]'


@pytest.mark.parametrize(
    ("directive", "code"),
    [
        ("#fault=bad_request", "bad_input"),
        ("#fault=internal", "bad_reply"),
        ("#fault=unavailable", "unreachable"),
        ("#fault=rate_limited", "rate_limited"),
        ("#fault=no_candidates", "bad_reply"),
    ],
)
def test_one_request_fails_alone(batches: Batching, directive: str, code: str) -> None:
    """Its error is one of ours; the others have their answers."""
    found = run(batches, asks(fresh("fine GOOD"), fresh(f"odd {directive}")))

    assert found["key 0"].text == "GOOD"
    assert isinstance(found["key 1"], AppError)
    assert found["key 1"].code == code


def test_a_refusal_and_a_cut_are_answers(batches: Batching) -> None:
    """They were paid for, so their tokens count."""
    found = run(batches, asks(fresh("a #fault=safety"), fresh("b c d #fault=max_tokens")))

    assert [found[f"key {n}"].finish for n in (0, 1)] == [Finish.REFUSED, Finish.LENGTH]


@pytest.mark.parametrize(
    ("fault", "state"),
    [("expired", BatchState.EXPIRED), ("failed", BatchState.FAILED)],
)
def test_how_a_batch_ends_badly(batches: Batching, fault: str, state: BatchState) -> None:
    name = batches.submit(FLASH, asks(fresh(f"#batch={fault}")), fresh("batch"))

    assert ended(batches, name) is state


def test_a_batch_can_be_cancelled(batches: Batching) -> None:
    name = batches.submit(FLASH, asks(fresh("#batch=stuck")), fresh("batch"))
    assert batches.look(name) in (BatchState.PENDING, BatchState.RUNNING)

    batches.cancel(name)

    assert batches.look(name) is BatchState.CANCELLED


def test_answers_without_keys_are_nobodys(batches: Batching) -> None:
    """A label on the wrong row would be worse than none."""
    name = batches.submit(FLASH, asks(fresh("#batch=unkeyed"), fresh("b")), fresh("batch"))
    ended(batches, name)

    with pytest.raises(Unkeyed, match="which answer is whose"):
        batches.answers(name)


def test_a_batch_is_found_by_our_name(batches: Batching, fake: FakeServer) -> None:
    """Also when its creation was answered with an error, and among many others."""
    mine = fresh("mine")
    with pytest.raises(Unreachable):
        batches.submit(FLASH, asks(fresh("#batch=lost")), mine)
    for _ in range(12):
        batches.submit(FLASH, asks(fresh("another")), fresh("other"))

    name = batches.find(mine)

    assert name in fake.batches.names
    assert ended(batches, name) is BatchState.SUCCEEDED
    assert batches.find(fresh("nobody's")) is None


def test_a_batch_that_is_gone_is_not_found(batches: Batching) -> None:
    name = batches.submit(FLASH, asks(fresh("a")), fresh("batch"))
    batches.delete(name)

    calls: list[Callable[[str], object]] = [
        batches.look, batches.answers, batches.cancel, batches.delete,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound):
            call(name)


def test_google_may_have_no_room_for_another_batch(batches: Batching) -> None:
    with pytest.raises(RateLimited) as caught:
        batches.submit(FLASH, asks(fresh("#batch=rate_limited")), fresh("batch"))

    assert caught.value.retry_after_s == 37


def test_a_model_google_does_not_have(batches: Batching) -> None:
    with pytest.raises(AppError) as caught:
        batches.submit("gemini-nowhere", asks(fresh("a")), fresh("batch"))

    assert caught.value.code == "model_missing"


def test_no_error_tells_what_google_said(batches: Batching) -> None:
    """Only our own words, as everywhere."""
    with pytest.raises(AppError) as caught:
        batches.submit(FLASH, asks(fresh("#batch=bad_request")), fresh("batch"))

    assert "invalid argument" not in str(caught.value)


def test_a_picture_goes_along(batches: Batching, fake: FakeServer) -> None:
    info = replace(INFO, input=("text", "image"))
    found = run(batches, {"key": single(TASK, info, "", PICTURE)})

    assert found["key"].text == "GOOD"
    assert found["key"].usage.input_tokens > 10
