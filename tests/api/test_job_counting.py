"""Counts: every call is in the ledger, every row adds up its calls, the rows add up to the job."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    TOKENS,
    calls_of,
    column,
    csv_of,
    ended,
    rows_of,
    steer,
    submit,
    total,
    until,
)
from tests.fakes import FakeServer

GEMINI, OLLAMA, VLLM = MODELS = (
    "gemini/gemini-3.1-flash-lite",
    "ollama/gemma3:4b",
    "vllm/Qwen/Qwen3-4B",
)
# directives of a row -> its label, its error, its calls, whether its tokens are known.
# Every call has at most one repeat here.
FATES: dict[str, tuple[str | None, str | None, int, bool]] = {
    "": ("GOOD", None, 1, True),
    "#once=invalid": ("GOOD", None, 2, True),
    "#once=unavailable": ("GOOD", None, 2, False),
    "#once=internal": ("GOOD", None, 2, False),
    "#say=nonsense": (None, "bad_reply", 2, True),
    "#fault=unavailable": (None, "unreachable", 2, False),
    "#fault=internal": (None, "unreachable", 2, False),
    "#fault=html500": (None, "unreachable", 2, False),
    "#fault=gateway": (None, "unreachable", 2, False),
    "#fault=bad_request": (None, "bad_input", 1, True),
    "#fault=no_usage": ("GOOD", None, 1, False),
    "#fault=length_empty": (None, "bad_reply", 2, True),
    "#think=7": ("GOOD", None, 1, True),
    "#cached=5": ("GOOD", None, 1, True),
}
PACKS = (1, 3, 7)
Fates = dict[str, dict[str, dict[str, Any]]]
Sums = dict[tuple[str, int], str]


def packed(model: str, pack: int) -> list[str]:
    """Rows some of which are asked again; one is blank and one a twin."""
    texts = [f"{model} {pack} {n} GOOD" for n in range(20)]
    texts[2] += " #pack=missing"
    texts[5] += " #once=invalid"
    texts[11] += " #think=5"
    return [*texts, "", texts[0]]


@pytest.fixture(scope="module")
def started(api: Api) -> tuple[dict[str, str], Sums]:
    """The jobs of all tests, begun together: one after the other would take a minute."""
    fates, sums = {}, {}
    for model in MODELS:
        texts = [f"{model} {n} GOOD {directives}" for n, directives in enumerate(FATES)]
        fates[model] = submit(api, csv_of(*texts), model=model, max_retries=1)
        for pack in PACKS:
            data = csv_of(*packed(model, pack))
            sums[model, pack] = submit(api, data, model=model, rows_per_request=pack)
    return fates, sums


@pytest.fixture(scope="module")
def fates(api: Api, started: tuple[dict[str, str], Sums]) -> Fates:
    """Of each model's job the fields under "job", and the rows by their directives."""
    return {
        model: {"job": ended(api, job), **dict(zip(FATES, rows_of(api, job), strict=True))}
        for model, job in started[0].items()
    }


@pytest.mark.parametrize("directives", FATES)
@pytest.mark.parametrize("model", MODELS)
def test_each_row_meets_its_fate(fates: Fates, model: str, directives: str) -> None:
    label, error, _, known = FATES[directives]
    row = fates[model][directives]

    assert (row["label"], row["error"], row["model"]) == (label, error, model)
    assert (row["input_tokens"] is not None) == known
    assert (row["output_tokens"] is not None) == known
    free = "bad_request" in directives  # a refused call costs nothing, whatever the price
    assert (row["cost_usd"] is not None) == (known and (model == GEMINI or free))
    assert row["latency_ms"] > 0


@pytest.mark.parametrize("model", MODELS)
def test_every_call_is_counted_and_in_the_ledger(api: Api, fates: Fates, model: str) -> None:
    job = fates[model]["job"]
    calls = calls_of(api, job["job_id"])

    assert job["calls"] == len(calls) == sum(calls for _, _, calls, _ in FATES.values())
    assert {call["source"] for call in calls} == {"job"}
    assert {call["model"] for call in calls} == {model}
    failed = sum(error is not None for _, error, _, _ in FATES.values())
    assert (job["rows_done"], job["rows_failed"]) == (len(FATES), failed)


@pytest.mark.parametrize("model", MODELS)
def test_one_unknown_count_makes_the_sum_unknown(fates: Fates, model: str) -> None:
    job = fates[model]["job"]

    assert job["cost_usd"] is None
    assert job["usage"] == dict.fromkeys((*TOKENS, "total_tokens"))


def test_thinking_is_inside_the_output_and_cached_inside_the_input(fates: Fates) -> None:
    plain, thought, cached = (fates[GEMINI][name] for name in ("", "#think=7", "#cached=5"))

    assert thought["output_tokens"] == plain["output_tokens"] + 7
    assert cached["input_tokens"] == plain["input_tokens"] + 1, "the directive is a word"
    assert cached["cost_usd"] < plain["cost_usd"] < thought["cost_usd"]


@pytest.mark.parametrize("model", MODELS)
def test_a_row_adds_up_its_calls(fates: Fates, model: str) -> None:
    plain, again = fates[model][""], fates[model]["#once=invalid"]
    refused = fates[model]["#fault=bad_request"]

    assert again["input_tokens"] == 2 * (plain["input_tokens"] + 1)
    assert again["output_tokens"] > plain["output_tokens"]
    assert refused["input_tokens"] == refused["output_tokens"] == 0, "a refused call took nothing"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pack", PACKS)
def test_the_rows_add_up_to_the_job_and_to_the_ledger(
    api: Api, started: tuple[dict[str, str], Sums], model: str, pack: int
) -> None:
    """Also in packs, whose counts are divided in whole tokens, and with items asked again."""
    job = started[1][model, pack]
    found, rows, calls = ended(api, job), rows_of(api, job), calls_of(api, job)

    assert column(rows, "label") == ["GOOD"] * 20 + [None, "GOOD"]
    assert (found["rows_total"], found["rows_done"], found["rows_failed"]) == (22, 22, 1)
    assert found["calls"] == len(calls)
    for name in ("input_tokens", "output_tokens"):
        assert all(isinstance(value, int) for value in column(rows, name))
        assert found["usage"][name] == total(column(rows, name)) == total(column(calls, name)) > 0
    if model == GEMINI:
        cost = float(total(column(calls, "cost_usd")))
        assert found["cost_usd"] == pytest.approx(cost, rel=1e-9)
        assert sum(column(rows, "cost_usd")) == pytest.approx(cost, rel=1e-9)
        assert found["usage"]["thinking_tokens"] == total(column(calls, "thinking_tokens"))
    else:
        assert found["cost_usd"] is None
        assert column(rows, "cost_usd")[-2:] == [0, 0], "what was not asked costs nothing"


@pytest.mark.parametrize("fault", ["safety", "prompt_blocked"])
def test_a_blocked_answer_is_refused_and_not_asked_again(api: Api, fault: str) -> None:
    jobs = {
        model: submit(api, csv_of(f"blocked {fault} {model} #fault={fault}"), model=model)
        for model in (GEMINI, VLLM)
    }
    for model, job in jobs.items():
        found, (row,) = ended(api, job), rows_of(api, job)

        assert (row["label"], row["error"], found["calls"]) == (None, "refused", 1), model
        assert (found["rows_done"], found["rows_failed"], found["error"]) == (1, 1, None)
        assert row["input_tokens"] > 0, "what the provider counted is kept"


def test_a_call_that_ended_while_pausing_is_counted_too(api: Api, fake: FakeServer) -> None:
    """Its answer is no label, so the row is asked again by the next run: two calls, both paid."""
    text = "paused amid GOOD #slow=0.4 #once=invalid"
    job = submit(api, csv_of(text))
    until(lambda: fake.texts.get(text), "the first call")
    steer(api, job, "pause")
    until(lambda: calls_of(api, job)[0]["total_ms"], "its end")
    steer(api, job, "resume")
    found, rows, calls = ended(api, job), rows_of(api, job), calls_of(api, job)

    assert (found["calls"], len(calls), rows[0]["label"]) == (2, 2, "GOOD")
    assert found["usage"]["input_tokens"] == total(column(calls, "input_tokens"))
    assert rows[0]["input_tokens"] == total(column(calls, "input_tokens"))


def test_max_retries_counts_repeats_but_not_waits_for_room(api: Api) -> None:
    never = submit(api, csv_of("never again #fault=unavailable"), max_retries=0)
    twice = submit(api, csv_of("twice again #fault=unavailable"), max_retries=2)
    waits = submit(api, csv_of("waits for room #once=throttled"), max_retries=0)

    for job, calls, error in (
        (never, 1, "unreachable"),
        (twice, 3, "unreachable"),
        (waits, 2, None),
    ):
        found, (row,) = ended(api, job), rows_of(api, job)
        assert (row["error"], found["calls"], len(calls_of(api, job))) == (error, calls, calls)
    assert row["input_tokens"] > 0, "a refusal for want of room took nothing, and is known"
