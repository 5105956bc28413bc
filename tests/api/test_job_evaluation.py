"""How right a job was: every figure of the evaluation, worked out by hand."""

import math
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.jobs import csv_of, ended, fields, refusal, steer, submit, until

LABELS = ["C", "A", "B", "NEVER"]
# (gold, said): said None is a failed row. Gold D is none of the labels.
PAIRS = [
    *[("A", "A")] * 5, *[("A", "B")] * 2, ("A", None),
    *[("B", "B")] * 3, ("B", "C"), ("D", "A"), ("", "B"), ("C", "A"),
]  # fmt: skip


def evaluated(api: Api, pairs: list[tuple[str, str | None]], **spec: Any) -> dict[str, Any]:
    texts = [f"{n} #say={said or 'nonsense'}" for n, (_, said) in enumerate(pairs)]
    data = csv_of(*texts, truth=[gold for gold, _ in pairs])
    job = submit(api, data, **{"gold_column": "truth", "labels": LABELS, **spec})
    found = ended(api, job)
    answer = api.get(f"/jobs/{job}/evaluation")
    assert answer.status_code == 200, answer.text
    return {"job": found, **answer.json()}


def test_a_running_job_is_evaluated_over_the_rows_it_has(api: Api) -> None:
    texts = ["now #say=A", "later #slow=1 #say=A"]
    data = csv_of(*texts, truth=["A", "A"])
    job = submit(api, data, gold_column="truth", labels=LABELS, concurrency=1)
    until(lambda: fields(api, job)["rows_done"] == 1, "the first row")

    assert api.get(f"/jobs/{job}/evaluation").json()["rows"] == 1
    assert steer(api, job, "cancel").json()["state"] == "cancelled"


@pytest.fixture(scope="module")
def found(api: Api) -> dict[str, Any]:
    return evaluated(api, PAIRS)


def test_it_has_the_fields_of_the_contract(found: dict[str, Any]) -> None:
    assert found.keys() == {
        "job", "rows", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "per_label",
        "confusion", "usd_per_1k_rows", "usd_per_1k_correct",
    }  # fmt: skip
    assert found["confusion"].keys() == {"labels", "matrix"}
    assert list(found["per_label"]) == LABELS
    assert all(
        one.keys() == {"precision", "recall", "f1", "support"}
        for one in found["per_label"].values()
    )


def test_the_matrix_is_gold_by_predicted_with_no_label_last(found: dict[str, Any]) -> None:
    assert found["confusion"]["labels"] == LABELS, "the spec's order"
    assert found["confusion"]["matrix"] == [
        [0, 1, 0, 0, 0],
        [0, 5, 2, 0, 1],
        [1, 0, 3, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_only_rows_whose_gold_is_a_label_count(found: dict[str, Any]) -> None:
    assert found["job"]["rows_total"] == 15
    assert found["rows"] == 13
    assert found["accuracy"] == pytest.approx(8 / 13)


def test_the_interval_is_wilsons(found: dict[str, Any]) -> None:
    z, n, p = 1.959964, 13, 8 / 13
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)

    assert found["accuracy_low"] == pytest.approx(middle - reach, abs=1e-6)
    assert found["accuracy_high"] == pytest.approx(middle + reach, abs=1e-6)


def test_precision_recall_and_f1_are_zero_where_undefined(found: dict[str, Any]) -> None:
    a, b, c, never = (found["per_label"][name] for name in ("A", "B", "C", "NEVER"))

    assert a == pytest.approx({"precision": 5 / 6, "recall": 5 / 8, "f1": 10 / 14, "support": 8})
    assert b == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "f1": 6 / 9, "support": 4})
    assert c == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert never == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_macro_f1_leaves_out_labels_that_do_not_occur(found: dict[str, Any]) -> None:
    assert found["macro_f1"] == pytest.approx((10 / 14 + 6 / 9 + 0) / 3)


def test_a_thousand_rows_cost_what_all_rows_cost(found: dict[str, Any]) -> None:
    per_row = 1000 * found["job"]["cost_usd"] / found["job"]["rows_total"]

    assert found["usd_per_1k_rows"] == pytest.approx(per_row)
    assert found["usd_per_1k_correct"] == pytest.approx(per_row / found["accuracy"])


def test_an_unknown_cost_is_no_price(api: Api) -> None:
    found = evaluated(api, [("A", "A")], model="ollama/gemma3:4b")

    assert (found["usd_per_1k_rows"], found["usd_per_1k_correct"]) == (None, None)
    assert found["accuracy"] == found["accuracy_high"] == 1
    assert 0 < found["accuracy_low"] < 1


def test_nothing_right_has_no_price_per_right_row(api: Api) -> None:
    found = evaluated(api, [("A", "B"), ("B", None)])

    assert (found["accuracy"], found["accuracy_low"], found["macro_f1"]) == (0, 0, 0)
    assert found["usd_per_1k_rows"] > 0
    assert found["usd_per_1k_correct"] is None


def test_without_usable_gold_the_shares_are_unknown(api: Api) -> None:
    found = evaluated(api, [("D", "A"), ("", "B")])

    assert found["rows"] == 0
    shares = ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "usd_per_1k_correct")
    assert [found[name] for name in shares] == [None] * 5
    assert found["confusion"]["matrix"] == [[0] * 5] * 4


def test_rows_with_the_same_text_count_with_their_own_gold(api: Api) -> None:
    data = csv_of(*["the same #say=A"] * 3, " ", truth=["A", "A", "B", "A"])
    job = submit(api, data, gold_column="truth", labels=LABELS)
    ended(api, job)
    found = api.get(f"/jobs/{job}/evaluation").json()

    assert found["rows"] == 4
    assert found["confusion"]["matrix"][1] == [0, 2, 0, 0, 1], "a blank row failed"
    assert found["confusion"]["matrix"][2] == [0, 1, 0, 0, 0]


def test_the_gold_may_be_the_text_itself_or_a_number(api: Api) -> None:
    lines = b'{"text":"1 #say=1","gold":1}\n{"text":"2 #say=1","gold":2}\n'
    job = submit(api, lines, gold_column="gold", labels=["1", "2"])
    ended(api, job)

    assert api.get(f"/jobs/{job}/evaluation").json()["confusion"]["matrix"] == [
        [1, 0, 0], [1, 0, 0]
    ]  # fmt: skip


def test_a_job_without_gold_has_no_evaluation(api: Api) -> None:
    job = submit(api, csv_of("no gold"))
    ended(api, job)
    answer = api.get(f"/jobs/{job}/evaluation")

    assert refusal(answer) == (422, "bad_input")
    assert "gold_column" in answer.json()["error"]["message"]
