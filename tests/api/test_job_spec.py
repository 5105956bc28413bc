"""What POST /api/jobs refuses: every error is told at once and names the field or the column."""

from typing import Any

import pytest

from tests.api.conftest import NOT_ANSWERING, Api
from tests.api.jobs import LABELS, csv_of, ended, post, refusal, submit

ROWS = csv_of("one GOOD", "two BAD", gold=["GOOD", "BAD"])
PLAIN = {"text_column": "text", "labels": LABELS}
EXAMPLE = {"text": "x", "label": "GOOD"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": None}, "labels"),
        ({"labels": []}, "labels"),
        ({"labels": ["GOOD"]}, "labels"),
        ({"labels": "GOOD"}, "labels"),
        ({"labels": {"GOOD": 1, "BAD": 2}}, "labels"),
        ({"labels": ["GOOD", "GOOD"]}, "labels"),
        ({"labels": ["GOOD", {"name": "GOOD", "description": "again"}]}, "labels"),
        ({"labels": ["GOOD", ""]}, "labels"),
        ({"labels": ["GOOD", "  "]}, "labels"),
        ({"labels": ["GOOD", 5]}, "labels"),
        ({"labels": ["GOOD", None]}, "labels"),
        ({"labels": ["GOOD", {"description": "no name"}]}, "labels"),
        ({"labels": ["GOOD", {"name": "BAD", "colour": "red"}]}, "labels"),
        ({"labels": ["GOOD", {"name": "BAD", "description": 5}]}, "labels"),
        ({"labels": ["GOOD", "\ud800"]}, "labels"),
        ({"instruction": 5}, "instruction"),
        ({"instruction": ["x"]}, "instruction"),
        ({"examples": "x"}, "examples"),
        ({"examples": [EXAMPLE, {"text": "x", "label": "UGLY"}]}, "examples"),
        ({"examples": [{"text": "x"}]}, "examples"),
        ({"examples": [{"text": 5, "label": "GOOD"}]}, "examples"),
        ({"examples": [{**EXAMPLE, "why": "so"}]}, "examples"),
        ({"text_column": "txet"}, "txet"),
        ({"text_column": None}, "text_column"),
        ({"text_column": 5}, "text_column"),
        ({"text_column": ""}, "text_column"),
        ({"gold_column": "lost"}, "lost"),
        ({"gold_column": True}, "gold_column"),
        ({"sheet": "Sheet1"}, "sheet"),
        ({"sheet": 1}, "sheet"),
        ({"model": 5}, "model"),
        ({"rows_per_request": 0}, "rows_per_request"),
        ({"rows_per_request": -1}, "rows_per_request"),
        ({"rows_per_request": 1.5}, "rows_per_request"),
        ({"rows_per_request": "3"}, "rows_per_request"),
        ({"rows_per_request": True}, "rows_per_request"),
        ({"rows_per_request": 10**30}, "rows_per_request"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": "many"}, "concurrency"),
        ({"concurrency": 10**9}, "concurrency"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 0.5}, "max_retries"),
        ({"budget_usd": 0}, "budget_usd"),
        ({"budget_usd": -1}, "budget_usd"),
        ({"budget_usd": "a lot"}, "budget_usd"),
        ({"budget_usd": True}, "budget_usd"),
        ({"budget_usd": float("nan")}, "budget_usd"),
        ({"budget_usd": float("inf")}, "budget_usd"),
        ({"budget_usd": 10**400}, "budget_usd"),
        ({"reuse": "yes"}, "reuse"),
        ({"reuse": 0}, "reuse"),
        ({"rows_per_requst": 5}, "rows_per_requst"),
        ({"": 1}, "field"),
        ({"\ud800": 1}, "field"),
        ({"texts": ["x"]}, "texts"),
    ],
)
def test_a_wrong_field_is_named(api: Api, change: dict[str, Any], named: str) -> None:
    answer = post(api, ROWS, PLAIN | change)

    assert refusal(answer) == (422, "bad_input")
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "spec", ["", "{", "null", "[]", '"x"', "5", "[" * 100_000, '{"concurrency":' + "9" * 5000 + "}"]
)
def test_a_spec_that_is_no_object_is_bad_input(api: Api, spec: str) -> None:
    answer = post(api, ROWS, spec)

    assert refusal(answer) == (422, "bad_input")
    assert "spec" in answer.json()["error"]["message"]


def test_a_file_and_a_spec_are_needed(api: Api) -> None:
    no_spec = api.post("/jobs", files={"file": ("rows.csv", ROWS)})
    no_file = api.post("/jobs", files={"spec": (None, "{}")})
    a_text = api.post("/jobs", data={"file": "text\nx\n", "spec": "{}"})
    json_body = api.post("/jobs", json=PLAIN)

    assert [refusal(a) for a in (no_spec, no_file, a_text, json_body)] == [(422, "bad_input")] * 4
    assert "spec" in no_spec.json()["error"]["message"]
    for answer in (no_file, a_text, json_body):
        assert "file" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"--b\r\n", b"--b\r\nContent-Disposition: nonsense\r\n\r\nx", b"\xff" * 100]
)
def test_a_broken_form_is_bad_input(api: Api, body: bytes) -> None:
    kind = {"content-type": "multipart/form-data; boundary=b"}

    assert refusal(api.post("/jobs", content=body, headers=kind)) == (422, "bad_input")


def test_a_spec_may_come_as_a_file(api: Api) -> None:
    """As `curl -F spec=@spec.json` sends it."""
    wrong = api.post("/jobs", files={"file": ("a.csv", ROWS), "spec": ("spec.json", b'{"x":1}')})

    assert refusal(wrong) == (422, "bad_input")
    assert "spec.x" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [*NOT_ANSWERING, ("openai/gpt-9", 404, "model_missing"), ("gemini/../x", 404, "model_missing")],
)
def test_a_model_that_cannot_answer_is_told_at_the_post(
    api: Api, model: str, status: int, code: str
) -> None:
    answer = post(api, ROWS, {**PLAIN, "model": model})

    assert refusal(answer) == (status, code)


@pytest.mark.parametrize("model", ["gemini/gemini-2.5-flash", "gemini/gemini-flash-latest"])
def test_a_model_only_google_knows_is_taken(api: Api, model: str) -> None:
    """Our list of Google's models is short; Google itself says what there is."""
    assert ended(api, submit(api, ROWS, model=model))["rows_failed"] == 0


def test_what_is_refused_leaves_nothing_behind(api: Api) -> None:
    uploads = api.app.settings.data_path / "uploads"
    before = api.get("/jobs").json(), sorted(uploads.rglob("*"))
    for spec in (PLAIN | {"x": 1}, PLAIN | {"text_column": "no"}, PLAIN | {"model": "nope"}):
        assert post(api, ROWS, spec).status_code in (404, 422)

    assert (api.get("/jobs").json(), sorted(uploads.rglob("*"))) == before


def test_the_hint_lists_the_columns_there_are(api: Api) -> None:
    error = post(api, ROWS, {**PLAIN, "text_column": "no"}).json()["error"]

    assert "text" in error["hint"]
    assert "gold" in error["hint"]


def test_null_is_the_default(api: Api) -> None:
    """A spec with every optional field null is the spec without them."""
    optional = ("instruction", "examples", "gold_column", "sheet", "model", "rows_per_request")
    numbers = ("concurrency", "budget_usd", "max_retries", "reuse")
    job = submit(api, ROWS, **dict.fromkeys((*optional, *numbers)))

    found = ended(api, job)
    assert (found["rows_done"], found["rows_failed"]) == (2, 0)
    assert found["model"] == api.get("/models").json()["default"]


def test_every_field_at_its_bounds_is_taken(api: Api) -> None:
    described = [{"name": "GOOD", "description": "fine"}, "BAD"]
    job = submit(
        api, ROWS, labels=described, instruction="Judge.", examples=[EXAMPLE], gold_column="gold",
        model="gemini-3.1-flash-lite", rows_per_request=2, concurrency=1, budget_usd=5,
        max_retries=0, reuse=True,
    )  # fmt: skip

    assert ended(api, job)["rows_failed"] == 0
