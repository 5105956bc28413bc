"""The spec of a job is judged once: what is wrong is named, what is right comes back unchanged."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.errors import BadInput
from lib.core.spec import FIELDS, MOST_LABELS, Spec, check_columns, parse
from lib.core.task import Example, Label

LABELS = ["spam", "ham"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
NAME = TEXT.filter(lambda text: text.strip())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def spec(**fields: Any) -> Spec:
    return parse({"labels": LABELS, **fields})


def complaint(given: Any) -> str:
    with pytest.raises(BadInput) as caught:
        parse(given)
    return str(caught.value)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Specs that are right."""
    names = draw(st.lists(NAME, min_size=2, max_size=5, unique_by=lambda n: n.strip().casefold()))
    labels = [{"name": name, "description": draw(TEXT)} for name in names]
    shown = st.fixed_dictionaries({"text": NAME, "label": st.sampled_from(names)})
    optional = {
        "instruction": TEXT,
        "examples": st.lists(shown, max_size=3),
        "text_column": TEXT,
        "gold_column": TEXT,
        "sheet": TEXT,
        "model": TEXT,
        "rows_per_request": st.integers(1, 200),
        "concurrency": st.integers(1, 1000),
        "budget_usd": st.floats(1e-12, 1e9) | st.decimals(1, 1e9, places=6).map(str),
        "max_retries": st.integers(0, 20),
        "reuse": st.booleans(),
    }
    return {"labels": labels} | draw(st.fixed_dictionaries({}, optional=optional))


def test_labels_alone_are_a_spec_with_the_contracts_defaults() -> None:
    asked = spec()

    assert asked.task.labels == (Label("spam"), Label("ham"))
    assert (asked.rows_per_request, asked.max_retries, asked.reuse) == (1, 5, True)
    assert (asked.text_column, asked.concurrency, asked.budget_usd) == (None, None, None)


def test_labels_may_have_descriptions_and_examples_may_show_them() -> None:
    asked = spec(
        labels=[{"name": "spam", "description": " unwanted "}, "ham"],
        instruction=" Sort the mail. ",
        examples=[{"text": " buy now ", "label": "spam"}],
    )

    assert asked.task.labels == (Label("spam", "unwanted"), Label("ham"))
    assert asked.task.instruction == "Sort the mail."
    assert asked.task.examples == (Example(" buy now ", "spam"),)


def test_null_is_the_same_as_leaving_a_field_out() -> None:
    assert parse(dict.fromkeys(FIELDS) | {"labels": LABELS}) == spec()


def test_a_budget_may_be_a_number_or_its_text_and_keeps_its_digits() -> None:
    amounts = [spec(budget_usd=given).budget_usd for given in (5, 0.1, "0.30", "1e-6")]

    assert amounts == [Decimal(5), Decimal("0.1"), Decimal("0.30"), Decimal("0.000001")]


@given(specs())
def test_a_right_spec_comes_back_from_its_json(given: dict[str, Any]) -> None:
    """A job stores its spec as JSON and is the same job afterwards."""
    asked = parse(given)

    assert parse(json.loads(json.dumps(asked.as_json()))) == asked


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(FIELDS), JSON)))
def test_any_json_is_a_spec_or_bad_input_that_can_be_sent(given: Any) -> None:
    """Nothing else is ever raised, and the complaint is made of whole characters."""
    try:
        said = str(parse(given))
    except BadInput as error:
        said = str(error).encode().decode()

    assert said


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("rows_per_request", [0, 201, -1, 1.5, "2", True, [2]]),
        ("concurrency", [0, 1001, "many", 2.0]),
        ("max_retries", [-1, 21, "5", False]),
        ("budget_usd", [0, -1, "free", "nan", "inf", 1e10, 10**400, True, [1]]),
        ("reuse", ["yes", 1, 0]),
        ("votes", [0, 10, "three"]),
        ("text_column", [3, ["text"], "\ud800"]),
        ("gold_column", [3]),
        ("sheet", [1]),
        ("model", [{}]),
        ("instruction", [5, "x" * 20_001, "half \udfff"]),
        ("examples", ["spam", {}, [{"text": "a", "label": "spam"}] * 201]),
        ("labels", ["spam,ham", {}, None, [], ["spam"], ["a"] * (MOST_LABELS + 1)]),
    ],
)
def test_a_wrong_value_is_bad_input_that_names_its_field(field: str, values: list[Any]) -> None:
    complaints = [complaint({"labels": LABELS, field: value}) for value in values]

    assert all(said.startswith(f"{field}:") for said in complaints), complaints


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (["spam", ""], "labels.1"),
        (["spam", " \n"], "labels.1"),
        ([None, "spam"], "labels.0"),
        (["spam", 5], "labels.1"),
        (["spam", {"description": "no name"}], "labels.1"),
        (["spam", {"name": 7}], "labels.1.name"),
        (["spam", {"name": "ham", "colour": "red"}], "labels.1"),
        (["spam", {"name": "ham", "description": 1}], "labels.1.description"),
        (["spam", "x" * 201], "labels.1"),
        (["spam", "ha\x00m"], "labels.1"),
        (["spam", "\ud800"], "labels.1.name"),
        (["spam", "ham", "spam"], "labels"),
        (["spam", " Spam "], "labels"),
        (["Straße", "STRASSE"], "labels"),
    ],
)
def test_a_wrong_label_is_named_by_its_place(labels: list[Any], named: str) -> None:
    """Labels that answers could not tell apart, case and blanks aside, are the same."""
    assert complaint({"labels": labels}).startswith(f"{named}:")


@pytest.mark.parametrize(
    ("example", "named"),
    [
        ({"text": "a", "label": "eggs"}, "examples.1.label"),
        ({"text": "a", "label": "SPAM"}, "examples.1.label"),
        ({"text": "a", "label": None}, "examples.1.label"),
        ({"text": " ", "label": "spam"}, "examples.1.text"),
        ({"text": 1, "label": "spam"}, "examples.1.text"),
        ({"text": "a"}, "examples.1"),
        ({"text": "a", "label": "spam", "why": "b"}, "examples.1"),
        ("spam", "examples.1"),
    ],
)
def test_a_wrong_example_is_named_by_its_place(example: Any, named: str) -> None:
    right = {"text": "buy", "label": "spam"}

    assert complaint({"labels": LABELS, "examples": [right, example]}).startswith(f"{named}:")


@pytest.mark.parametrize("given", [None, [], "labels", 5])
def test_a_spec_is_a_json_object(given: Any) -> None:
    assert complaint(given) == "spec: a JSON object is wanted."


def test_an_unknown_field_is_named() -> None:
    assert "rows_per_call" in complaint({"labels": LABELS, "rows_per_call": 3})


def test_several_votes_are_not_asked_in_packs() -> None:
    assert complaint({"labels": LABELS, "votes": 3, "rows_per_request": 2}).startswith("votes:")


@pytest.mark.parametrize("field", ["text_column", "gold_column"])
def test_a_missing_column_is_named_and_the_hint_lists_those_there_are(field: str) -> None:
    asked = spec(**{"text_column": "text", field: "Txt"})
    with pytest.raises(BadInput, match=f"{field}.*'Txt'") as caught:
        check_columns(asked, ["id", "text"], pictures=False)

    assert "id, text" in caught.value.hint


def test_a_table_needs_a_text_column_and_pictures_need_none() -> None:
    check_columns(spec(), ["file"], pictures=True)
    check_columns(spec(text_column="file"), ["file"], pictures=True)
    for asked in (spec(text_column="text"), spec(rows_per_request=2)):
        with pytest.raises(BadInput, match=r"ZIP|pictures"):
            check_columns(asked, ["file"], pictures=True)
    with pytest.raises(BadInput, match=r"^text_column: "):
        check_columns(spec(), ["text"], pictures=False)
