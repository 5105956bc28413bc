"""POST /api/classify: a list of texts in, labels and errors in the same order out."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.api.conftest import NOT_ANSWERING, Api
from tests.api.jobs import LABELS, refusal, total, until
from tests.fakes import FakeServer

MODELS = ("gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b", "vllm/Qwen/Qwen3-4B")


def classify(api: Api, texts: Any, **more: Any) -> httpx2.Response:
    """As `json=` would, except that it sends half a surrogate pair too."""
    return api.post("/classify", content=json.dumps({"texts": texts, "labels": LABELS, **more}))


def answered(api: Api, texts: list[Any], **more: Any) -> dict[str, Any]:
    answer = classify(api, texts, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def new_calls(api: Api, before: int) -> list[dict[str, Any]]:
    """The ledger's rows after the first `before`."""
    return api.app.ledger.rows()[before:]


@pytest.mark.parametrize("model", MODELS)
def test_labels_come_in_the_order_of_the_texts(api: Api, model: str) -> None:
    texts = [f"{model} {n} {LABELS[n % 2]}" for n in range(40)]
    found = answered(api, texts, model=model)

    assert found.keys() >= {"labels", "errors", "usage", "cost_usd"}
    assert found["labels"] == LABELS * 20
    assert found["errors"] == [None] * 40
    assert found["usage"].keys() == {
        "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "total_tokens"
    }  # fmt: skip


def test_each_call_is_in_the_ledger_and_the_answer_adds_them_up(api: Api) -> None:
    before = len(api.app.ledger.rows())
    found = answered(api, ["adds up GOOD", "adds up BAD #once=invalid", "adds up GOOD"])
    calls = new_calls(api, before)

    assert [call["source"] for call in calls] == ["classify"] * 3
    for name in ("input_tokens", "output_tokens"):
        assert found["usage"][name] == total(call[name] for call in calls)
    cost = sum((call["cost_usd"] for call in calls), Decimal(0))
    assert found["cost_usd"] == pytest.approx(float(cost), rel=1e-9)


def test_the_same_text_is_asked_once(api: Api, fake: FakeServer) -> None:
    before = len(api.app.ledger.rows())
    found = answered(api, ["the twin BAD #slow=0.2"] * 5 + ["the twin BAD #slow=0.2 "])

    assert found["labels"] == ["BAD"] * 6
    assert len(new_calls(api, before)) == 2, "a blank more is another text"
    assert fake.texts["the twin BAD #slow=0.2"] == 1


@pytest.mark.parametrize("model", MODELS)
def test_what_fails_has_a_code_and_no_label(api: Api, model: str) -> None:
    directives = ["", "#say=nonsense", "#fault=bad_request", "#once=invalid"]
    texts = [f"{model} GOOD {directive}" for directive in directives]
    found = answered(api, [*texts, "", " \n", None, "\ud800 half"], model=model)

    assert found["labels"] == ["GOOD", None, None, "GOOD"] + [None] * 4
    assert found["errors"] == [None, "bad_reply", "bad_input", None] + ["bad_input"] * 4
    assert found["usage"]["input_tokens"] > 0


@pytest.mark.parametrize("fault", ["safety", "prompt_blocked"])
def test_a_blocked_answer_is_refused_and_not_asked_again(
    api: Api, fake: FakeServer, fault: str
) -> None:
    text = f"blocked GOOD #fault={fault}"
    found = answered(api, [text, "let through GOOD"])

    assert (found["labels"], found["errors"]) == ([None, "GOOD"], ["refused", None])
    assert fake.texts[text] == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", ["missing", "twice", "stranger", "shuffle", "invalid"])
def test_packs_never_shift(api: Api, model: str, fault: str) -> None:
    texts = [f"{model} {fault} {n} {LABELS[n % 2]}" for n in range(9)]
    texts[3] += f" #pack={fault}"
    found = answered(api, texts, model=model, rows_per_request=4)

    assert found["labels"] == [LABELS[n % 2] for n in range(9)]
    assert found["errors"] == [None] * 9


def test_an_unknown_count_is_null(api: Api) -> None:
    found = answered(api, ["known GOOD", "unknown BAD #fault=no_usage"])

    assert found["labels"] == LABELS
    assert (found["cost_usd"], found["usage"]["input_tokens"]) == (None, None)


def test_no_texts_are_no_labels(api: Api) -> None:
    found = answered(api, [])

    assert (found["labels"], found["errors"], found["cost_usd"]) == ([], [], 0)


def test_a_thousand_texts_are_taken_and_one_more_is_bad_input(api: Api) -> None:
    texts = [f"one of many {n % 50} GOOD" for n in range(1000)]
    assert answered(api, texts, rows_per_request=50)["labels"] == ["GOOD"] * 1000

    answer = classify(api, [*texts, "one more"])
    assert refusal(answer) == (422, "bad_input")
    assert "texts" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"texts": None}, "texts"),
        ({"texts": "a text"}, "texts"),
        ({"texts": ["a", 5]}, "texts.1"),
        ({"texts": [["a"]]}, "texts.0"),
        ({"labels": None}, "labels"),
        ({"labels": ["GOOD"]}, "labels"),
        ({"labels": ["GOOD", "GOOD"]}, "labels"),
        ({"labels": ["GOOD", ""]}, "labels"),
        ({"labels": ["GOOD", {"nam": "BAD"}]}, "labels"),
        ({"instruction": 5}, "instruction"),
        ({"examples": [{"text": "x", "label": "UGLY"}]}, "examples"),
        ({"rows_per_request": 0}, "rows_per_request"),
        ({"rows_per_request": 1.5}, "rows_per_request"),
        ({"model": 5}, "model"),
        ({"text_column": "text"}, "text_column"),
        ({"txets": []}, "txets"),
        ({"\ud800": 1}, "field"),
    ],
)
def test_a_wrong_field_is_named(api: Api, change: dict[str, Any], named: str) -> None:
    body = {"texts": ["a"], "labels": LABELS} | change
    answer = api.post("/classify", content=json.dumps(body))

    assert refusal(answer) == (422, "bad_input")
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_nonsense_is_bad_input(api: Api, raw: bytes) -> None:
    assert refusal(api.post("/classify", content=raw)) == (422, "bad_input")


@pytest.mark.parametrize(("model", "status", "code"), NOT_ANSWERING)
def test_a_model_that_cannot_answer(api: Api, model: str, status: int, code: str) -> None:
    assert refusal(classify(api, ["x"], model=model)) == (status, code)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("bad_key", 502, "auth_failed"), ("quota", 429, "quota_exhausted")],
)
def test_what_no_call_can_survive_is_the_answer(
    api: Api, fault: str, status: int, code: str
) -> None:
    answer = classify(api, ["fine GOOD", f"bad #fault={fault}"])

    assert refusal(answer) == (status, code)
    assert "127.0.0.1" not in answer.text


def test_a_refusal_for_want_of_room_is_waited_out(api: Api) -> None:
    found = answered(api, ["want of room GOOD #once=throttled"])

    assert (found["labels"], found["errors"]) == (["GOOD"], [None])
    assert found["cost_usd"] > 0


def test_examples_instruction_and_descriptions_reach_the_model(api: Api, fake: FakeServer) -> None:
    asked = {
        "labels": [{"name": "GOOD", "description": "pleases the reader"}, "BAD"],
        "examples": [{"text": "shown before", "label": "BAD"}],
        "instruction": "Judge the mood.",
    }
    answered(api, ["with all of it"], model="ollama/gemma3:4b", **asked)
    sent = json.dumps(fake.asked[-1].body)

    for part in ("pleases the reader", "shown before", "Judge the mood.", "with all of it"):
        assert part in sent


def test_hanging_up_hangs_up_on_the_provider(api: Api, fake: FakeServer) -> None:
    text = "nobody waits #slow=4"
    address = str(api.base_url)

    def ask() -> None:
        with (
            httpx2.Client(base_url=address, headers=api.headers, timeout=1) as client,
            pytest.raises(httpx2.TimeoutException),
        ):
            client.post("/classify", json={"texts": [text], "labels": LABELS})

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: fake.texts.get(text), "the call")
    thread.join()
    (call,) = [one for one in fake.asked if "nobody waits" in json.dumps(one.body)]
    until(lambda: call.finished, "the hang-up")
    assert call.hung_up


def test_a_wrong_body_does_not_wait_for_the_lists_under_way(api: Api, fake: FakeServer) -> None:
    """With every thread for lists taken, what needs none of them is answered."""
    texts = [f"under way {n} GOOD #slow=3" for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        lists = [threads.submit(classify, api, [text], model=MODELS[2]) for text in texts]
        until(lambda: all(fake.texts.get(text) for text in texts), "the calls")
        assert refusal(classify(api, "no list")) == (422, "bad_input")
        assert not any(one.done() for one in lists)
